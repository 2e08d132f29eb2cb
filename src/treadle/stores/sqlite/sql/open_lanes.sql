UPDATE treadle_lane
   SET gate = NULL, until = NULL
 WHERE rowid IN (
       SELECT rowid FROM treadle_lane WHERE gate = :gate AND queue = :queue ORDER BY rank, seq LIMIT :limit)
