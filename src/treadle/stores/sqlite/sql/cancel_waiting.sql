UPDATE treadle_job
   SET state = 'cancelled', reason = NULL, finished_at = :now
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('held', 'scheduled', 'queued')
RETURNING id
