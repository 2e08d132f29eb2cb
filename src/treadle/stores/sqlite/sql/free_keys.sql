-- Before a revival: keys that somebody keeps for no reason any more.
UPDATE treadle_job
   SET held_key = NULL
 WHERE held_key IN (
       SELECT unique_key FROM treadle_job WHERE id IN (SELECT value FROM json_each(:ids)) AND unique_key IS NOT NULL)
   AND grip = 1 AND created_at + coalesce(unique_for, 0) <= :now
