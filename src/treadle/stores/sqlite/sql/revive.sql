-- OR IGNORE: where another live job holds the unique key by now, this one stays final.
UPDATE OR IGNORE treadle_job
   SET state = 'queued', queued_at = :now, finished_at = NULL, reason = NULL, outcome = NULL, result = NULL,
       result_until = NULL, expires_at = NULL, crashes = 0, cancel = 0, held_key = unique_key, grip = 2,
       rank = :now - priority * 60000, max_attempts = max(max_attempts, attempt + 1)
 WHERE id IN (SELECT value FROM json_each(:ids)) AND finished_at IS NOT NULL
RETURNING id
