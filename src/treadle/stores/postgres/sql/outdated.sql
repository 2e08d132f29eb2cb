-- Of each of these tasks the jobs that may go, the longest ended first. By state how old they must be (null: none may
-- go), and the first end that there is: what is dead before it and cannot be cleared away yet is not read again.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
SELECT coalesce(old.name, old.key::text) AS id
  FROM unnest(:tasks::text[], :completed::bigint[], :failed::bigint[], :cancelled::bigint[],
              :first_completed::bigint[], :first_failed::bigint[], :first_cancelled::bigint[])
       AS asked (task, completed, failed, cancelled, first_completed, first_failed, first_cancelled)
 CROSS JOIN LATERAL (
       SELECT 4611686018427387904 AS finished_at WHERE :runs::bigint = 0
        UNION ALL
      (SELECT ended.finished_at
         FROM (
             (SELECT finished_at FROM treadle.job
                WHERE state = 'completed' AND task = asked.task AND finished_at IS NOT NULL
                ORDER BY finished_at DESC LIMIT :runs)
               UNION ALL
             (SELECT finished_at FROM treadle.job
                WHERE state = 'failed' AND task = asked.task AND finished_at IS NOT NULL
                ORDER BY finished_at DESC LIMIT :runs)
               UNION ALL
             (SELECT finished_at FROM treadle.job
                WHERE state = 'cancelled' AND task = asked.task AND finished_at IS NOT NULL
                ORDER BY finished_at DESC LIMIT :runs)) AS ended
        WHERE :runs > 0
        ORDER BY ended.finished_at DESC
        LIMIT 1 OFFSET greatest(:runs - 1, 0))) AS last
 CROSS JOIN LATERAL (
       SELECT each.key, each.name
         FROM (
             (SELECT job.key, job.name, job.finished_at FROM treadle.job AS job
                WHERE job.state = 'completed' AND job.task = asked.task AND job.finished_at IS NOT NULL
                      AND job.finished_at >= asked.first_completed
                      AND job.finished_at <= (SELECT now FROM clock) - asked.completed AND job.finished_at < last.finished_at
                ORDER BY job.finished_at LIMIT :limit)
               UNION ALL
             (SELECT job.key, job.name, job.finished_at FROM treadle.job AS job
                WHERE job.state = 'failed' AND job.task = asked.task AND job.finished_at IS NOT NULL
                      AND job.finished_at >= asked.first_failed
                      AND job.finished_at <= (SELECT now FROM clock) - asked.failed AND job.finished_at < last.finished_at
                ORDER BY job.finished_at LIMIT :limit)
               UNION ALL
             (SELECT job.key, job.name, job.finished_at FROM treadle.job AS job
                WHERE job.state = 'cancelled' AND job.task = asked.task AND job.finished_at IS NOT NULL
                      AND job.finished_at >= asked.first_cancelled
                      AND job.finished_at <= (SELECT now FROM clock) - asked.cancelled AND job.finished_at < last.finished_at
                ORDER BY job.finished_at LIMIT :limit)) AS each
        ORDER BY each.finished_at
        LIMIT :limit) AS old
 LIMIT :limit
