DELETE FROM treadle_lane WHERE rowid = :place
