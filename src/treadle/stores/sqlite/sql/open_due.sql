UPDATE treadle_lane
   SET gate = NULL, until = NULL
 WHERE rowid IN (
       SELECT lane.rowid
         FROM json_each(:queues) AS wanted
        CROSS JOIN treadle_lane AS lane ON lane.queue = wanted.value AND lane.until <= :now
        ORDER BY lane.until
        LIMIT :limit)
