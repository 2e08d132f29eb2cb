-- Only who holds a lease may take. What runs is asked for its holders, from one to the next in their index: one whose
-- claim was still on its way when another sweeper forgot the silent worker is unknown by now.
  WITH RECURSIVE clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       holder AS (
       SELECT min(worker) AS id FROM treadle.job WHERE state = 'running'
        UNION ALL
       SELECT (SELECT min(worker) FROM treadle.job WHERE state = 'running' AND worker > holder.id)
         FROM holder
        WHERE holder.id IS NOT NULL),
       silent AS MATERIALIZED (
       SELECT holder.id
         FROM clock CROSS JOIN holder
        WHERE holder.id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM treadle.worker WHERE worker.id = holder.id AND lease_until > clock.now)
          AND EXISTS (SELECT 1 FROM treadle.worker WHERE worker.id = :worker AND lease_until > clock.now))
UPDATE treadle.job AS job
   SET worker = :worker, epoch = job.epoch + 1, crashes = job.crashes + (NOT job.taken)::integer, taken = true
 WHERE job.key = ANY (ARRAY (
       SELECT held.key
         FROM silent
        CROSS JOIN LATERAL (
              SELECT key FROM treadle.job WHERE worker = silent.id AND state = 'running'
               LIMIT :take
                 FOR UPDATE SKIP LOCKED) AS held
        LIMIT :take))
RETURNING job.rank, job.seq, job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue,
          job.args, -job.rank AS priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at,
          job.expires_at, job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.taken
