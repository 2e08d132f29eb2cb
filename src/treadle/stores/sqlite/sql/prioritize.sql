UPDATE treadle_job SET rank = rank + (priority - :priority) * 60000, priority = :priority
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('held', 'scheduled', 'queued')
   AND (lane IS NULL OR instr(substr(lane, 2), '["order",') = 0)
RETURNING id
