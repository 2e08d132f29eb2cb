DELETE FROM treadle_turn
 WHERE rowid IN (
       SELECT turn.rowid FROM treadle_turn AS turn
        WHERE turn.open = 0
          AND turn.paid <= coalesce((SELECT clock FROM treadle_line WHERE treadle_line.queue = turn.queue), 0)
        LIMIT :limit)
