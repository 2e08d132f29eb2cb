DELETE FROM treadle_lane WHERE queue = :queue AND lane = :lane
