-- Locked, so that nobody takes the job over before the commit.
SELECT clock.now
  FROM (SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now) AS clock
 CROSS JOIN treadle.job AS job
 WHERE job.key = :ref::uuid AND job.epoch = :epoch AND job.worker IS NOT NULL
   FOR SHARE OF job
