-- The same as cycle.sql with nothing ended. Its commit is flushed like any other: a claim that a crash of the server took
-- back would be given to somebody else under the same epoch, beside the one who still runs it.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       {flow},
       lease AS MATERIALIZED (
       SELECT EXISTS (SELECT 1 FROM treadle.worker, clock WHERE id = :worker AND lease_until > clock.now) AS held,
              clock_timestamp() AS began),
       {picked},
       looked AS MATERIALIZED (SELECT coalesce(min(found), clock_timestamp()) AS at FROM picked),
       claimed AS (
       UPDATE treadle.job AS job
          SET state = 'running', worker = :worker, attempt = job.attempt + 1, epoch = job.epoch + 1,
              started_at = clock.now, taken = false, reason = NULL,
              grip = CASE WHEN job.grip = 2 AND job.unique_until = 'started' THEN (job.unique_for IS NOT NULL)::integer
                          ELSE job.grip END
         FROM clock
        WHERE job.ctid = ANY (ARRAY (SELECT place FROM picked))
       RETURNING job.rank, job.seq, job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue,
                 job.args, job.priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at,
                 job.expires_at, job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.lane, job.costs,
                 job.taken)
SELECT clock.now, lease.held, flow.there, flow.until, 0 AS completed,
       (SELECT count(*) FROM ahead) AS ahead,
       extract(epoch FROM looked.at - lease.began)::float8 AS took,
       claimed.*
  FROM clock CROSS JOIN flow CROSS JOIN lease CROSS JOIN looked LEFT JOIN claimed ON true
 ORDER BY claimed.rank, claimed.seq
