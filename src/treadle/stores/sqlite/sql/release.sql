UPDATE treadle_job
   SET state = CASE WHEN coalesce(due_at, 0) > :now THEN 'scheduled' ELSE 'queued' END,
       queued_at = CASE WHEN coalesce(due_at, 0) > :now THEN queued_at ELSE :now END,
       reason = NULL
 WHERE state = 'held' AND reason = :reason
   AND (:tasks IS NULL OR task IN (SELECT value FROM json_each(:tasks)))
