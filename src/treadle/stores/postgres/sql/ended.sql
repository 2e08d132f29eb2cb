-- Each final state and task of which there are jobs, with the first end and its age, from one to the next in the index:
-- how many jobs each has costs nothing.
  WITH RECURSIVE walked (state, task, finished_at) AS (
      (SELECT state, task, finished_at
         FROM treadle.job
        WHERE finished_at IS NOT NULL
        ORDER BY state, task, finished_at
        LIMIT 1)
        UNION ALL
       SELECT next.state, next.task, next.finished_at
         FROM walked
        CROSS JOIN LATERAL (
              SELECT job.state, job.task, job.finished_at
                FROM treadle.job AS job
               WHERE job.finished_at IS NOT NULL AND (job.state, job.task) > (walked.state, walked.task)
               ORDER BY job.state, job.task, job.finished_at
               LIMIT 1) AS next)
SELECT state, task, finished_at,
       coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) - finished_at AS age
  FROM walked
