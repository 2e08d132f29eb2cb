SELECT rowid, lane, rank, seq FROM treadle_lane
 WHERE queue = :queue AND tenant = :tenant AND gate IS NULL
 ORDER BY rank, seq
 LIMIT :limit
