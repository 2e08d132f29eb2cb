-- Only who holds a lease may take. Jobs are looked for by the ids of the silent: as long as nobody is, no job is read.
--   :strays              holders without a row; who has got one meanwhile beats
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       silent AS MATERIALIZED (
       SELECT gone.id
         FROM clock CROSS JOIN LATERAL (
              SELECT id FROM treadle.worker WHERE lease_until <= clock.now
               UNION ALL
              SELECT stray.id
                FROM unnest(:strays::text[]) AS stray (id)
               WHERE NOT EXISTS (SELECT 1 FROM treadle.worker WHERE worker.id = stray.id)) AS gone
        WHERE EXISTS (SELECT 1 FROM treadle.worker WHERE worker.id = :worker AND lease_until > clock.now))
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
          job.args, job.priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at,
          job.expires_at, job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.lane, job.costs, job.taken
