-- {chosen} gives the keys; all that is told of these jobs is read by them.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       chosen AS MATERIALIZED (
       {chosen})
SELECT job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue, job.state,
       job.reason, job.outcome, job.args,
       CASE WHEN job.result_until IS NULL OR job.result_until > clock.now THEN job.result END AS result,
       job.error, job.priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.cancel, job.worker,
       job.owner, job.tenant, job.batch, job.unique_key, job.created_at, job.queued_at, job.due_at, job.expires_at,
       job.started_at, job.finished_at, job.result_until, job.result_ttl, job.meta,
       job.lane, job.costs, job.unique_until, job.unique_for,
       progress.done, progress.total, progress.failed, progress.note
  FROM clock
 CROSS JOIN treadle.job AS job
  LEFT JOIN treadle.progress AS progress ON progress.job = job.key
 WHERE job.key = ANY (ARRAY (SELECT key FROM chosen))
 ORDER BY job.key {direction}
