DELETE FROM treadle_job
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('held', 'scheduled', 'queued')
RETURNING seq, id
