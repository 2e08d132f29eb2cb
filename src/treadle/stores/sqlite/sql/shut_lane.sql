UPDATE treadle_lane SET rank = :rank, seq = :seq, gate = :gate, until = :until WHERE queue = :queue AND lane = :lane
