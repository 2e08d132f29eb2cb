-- Look at some of them only, from a place on.
DELETE FROM treadle_turn
 WHERE rowid IN (SELECT rowid FROM treadle_turn WHERE rowid >= :place ORDER BY rowid LIMIT :look)
   AND open = 0 AND paid <= coalesce((SELECT clock FROM treadle_line WHERE treadle_line.queue = treadle_turn.queue), 0)
