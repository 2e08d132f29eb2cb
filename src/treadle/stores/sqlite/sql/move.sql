UPDATE treadle_job SET queue = :queue
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('held', 'scheduled', 'queued')
RETURNING id
