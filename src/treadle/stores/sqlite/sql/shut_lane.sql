UPDATE treadle_lane SET rank = :rank, seq = :seq, gate = :gate, until = :until WHERE rowid = :place
