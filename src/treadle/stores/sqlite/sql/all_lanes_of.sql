SELECT rowid, lane, rank, seq FROM treadle_lane WHERE queue = :queue AND tenant = :tenant ORDER BY rank, seq LIMIT :limit
