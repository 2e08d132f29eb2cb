UPDATE treadle_job
   SET cancel = 1
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'running'
RETURNING id
