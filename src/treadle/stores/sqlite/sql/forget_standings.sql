-- Look at some of them only, from a place on.
DELETE FROM treadle_standing
 WHERE rowid IN (SELECT rowid FROM treadle_standing WHERE rowid >= :place ORDER BY rowid LIMIT :look)
   AND idle_at <= :now AND holder = ''
