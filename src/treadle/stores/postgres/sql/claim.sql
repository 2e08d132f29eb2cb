-- The same as cycle.sql with nothing ended: nobody was promised anything by a claim, so its commit need not be flushed.
-- One that power loss takes is simply claimed again.
  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
       clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       lease AS MATERIALIZED (
       SELECT EXISTS (SELECT 1 FROM treadle.worker, clock WHERE id = :worker AND lease_until > clock.now) AS held),
       {picked},
       claimed AS (
       UPDATE treadle.job AS job
          SET state = 'running', worker = :worker, attempt = job.attempt + 1, epoch = job.epoch + 1,
              started_at = clock.now, taken = false, reason = NULL
         FROM clock
        WHERE job.ctid = ANY (ARRAY (SELECT place FROM picked))
       RETURNING job.rank, job.seq, job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue,
                 job.args, -job.rank AS priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at,
                 job.expires_at, job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.taken)
SELECT clock.now, lease.held, (SELECT count(*) * 0 FROM relaxed) AS completed,
       (SELECT count(*) FROM ahead) AS ahead, claimed.*
  FROM clock CROSS JOIN lease LEFT JOIN claimed ON true
 ORDER BY claimed.rank, claimed.seq
