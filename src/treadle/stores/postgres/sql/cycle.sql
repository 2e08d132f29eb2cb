-- Settle what completed and claim, in one statement; {picked} says which jobs.
--   worker IS NOT NULL   and not the state: see the table's check
--   = ANY (ARRAY (…))    and not a join or IN: under a generic plan LIMIT counts as a tenth of the table, and both
--                        would be answered by reading all of it
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       {flow},
       completed AS (
       UPDATE treadle.job AS job
          SET state = 'completed', worker = NULL, finished_at = clock.now, reason = ended.reason,
              outcome = ended.outcome, result = ended.result, error = NULL,
              result_until = CASE WHEN ended.result IS NOT NULL THEN clock.now + job.result_ttl END,
              grip = least(job.grip, (job.unique_for IS NOT NULL)::integer)
         FROM clock, unnest(:ref::uuid[], :epoch::integer[], :reason::text[], :outcome::text[], :result::text[])
              AS ended (ref, epoch, reason, outcome, result)
        WHERE job.key = ended.ref AND job.epoch = ended.epoch AND job.worker IS NOT NULL
          AND NOT (SELECT there FROM flow)
       RETURNING 1),
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
SELECT clock.now, lease.held, flow.there, flow.until, (SELECT count(*) FROM completed) AS completed,
       (SELECT count(*) FROM ahead) AS ahead,
       extract(epoch FROM looked.at - lease.began)::float8 AS took,
       claimed.*
  FROM clock CROSS JOIN flow CROSS JOIN lease CROSS JOIN looked LEFT JOIN claimed ON true
 ORDER BY claimed.rank, claimed.seq
