-- Only who holds a lease may take: were it to die unknown, nobody would find what it took.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job AS job
   SET worker = :worker, epoch = job.epoch + 1, crashes = job.crashes + (NOT job.taken)::integer, taken = true
 WHERE job.key = ANY (ARRAY (
       SELECT held.key
         FROM clock
         JOIN treadle.worker AS holder ON holder.lease_until <= clock.now
        CROSS JOIN LATERAL (
              SELECT key FROM treadle.job WHERE worker = holder.id AND state = 'running'
               LIMIT :take
                 FOR UPDATE SKIP LOCKED) AS held
        WHERE EXISTS (SELECT 1 FROM treadle.worker WHERE id = :worker AND lease_until > clock.now)
        LIMIT :take))
RETURNING job.rank, job.seq, job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue,
          job.args, -job.rank AS priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at,
          job.expires_at, job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.taken
