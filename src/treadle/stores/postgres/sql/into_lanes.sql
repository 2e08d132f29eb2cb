-- Of the first jobs without a lane, those of tasks that somebody steers get the lane of their task.
  WITH first AS MATERIALIZED (
       SELECT next.key, next.task
         FROM unnest(:queues::text[]) AS wanted (name)
        CROSS JOIN LATERAL (
              SELECT key, task FROM treadle.job
               WHERE state = 'queued' AND lane IS NULL AND queue = wanted.name
               ORDER BY rank, seq
               LIMIT :most) AS next),
       moved AS (
       UPDATE treadle.job AS job
          SET lane = steered.lane
         FROM unnest(:tasks::text[], :lanes::text[]) AS steered (task, lane)
        WHERE job.key = ANY (ARRAY (
              SELECT key FROM treadle.job
               WHERE key = ANY (ARRAY (SELECT key FROM first WHERE task = ANY (:tasks::text[])))
                 AND state || '' = 'queued'
                 FOR UPDATE SKIP LOCKED)) AND job.task = steered.task
       RETURNING 1)
SELECT count(*) FROM moved
