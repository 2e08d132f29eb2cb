DELETE FROM treadle_standing
 WHERE rowid IN (SELECT rowid FROM treadle_standing WHERE idle_at <= :now AND holder = '' LIMIT :limit)
