-- Only who holds a lease may take: were it to die unknown, nobody would find what it took.
-- CROSS JOIN keeps SQLite from looking at every running job before the few dead workers.
UPDATE treadle_job
   SET worker = :worker, epoch = epoch + 1, crashes = crashes + (taken = 0), taken = 1
 WHERE seq IN (
       SELECT job.seq
         FROM treadle_worker AS holder
        CROSS JOIN treadle_job AS job ON job.worker = holder.id AND job.state = 'running'
        WHERE holder.lease_until <= :now
          AND EXISTS (SELECT 1 FROM treadle_worker WHERE id = :worker AND lease_until > :now)
        LIMIT :take)
RETURNING rank, seq, id, task, queue, args, priority, attempt, max_attempts, epoch, crashes, queued_at, expires_at,
          result_ttl, owner, tenant, batch, meta, lane, costs, taken
