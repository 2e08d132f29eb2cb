-- The part of cycle.sql that settles, for whoever claims under the lock.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job AS job
   SET state = 'completed', worker = NULL, finished_at = clock.now, reason = ended.reason, outcome = ended.outcome,
       result = ended.result, error = NULL,
       result_until = CASE WHEN ended.result IS NOT NULL THEN clock.now + job.result_ttl END,
       grip = least(job.grip, (job.unique_for IS NOT NULL)::integer)
  FROM clock, unnest(:ref::uuid[], :epoch::integer[], :reason::text[], :outcome::text[], :result::text[])
       AS ended (ref, epoch, reason, outcome, result)
 WHERE job.key = ended.ref AND job.epoch = ended.epoch AND job.worker IS NOT NULL
RETURNING job.key::text, job.state
