UPDATE treadle_job
   SET state = 'held', reason = :reason
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('scheduled', 'queued')
RETURNING id
