DELETE FROM treadle_job
 WHERE id IN (SELECT value FROM json_each(:ids))
   AND (:ended_by IS NULL AND state = 'held' OR finished_at <= coalesce(:ended_by, finished_at))
RETURNING seq, id
