-- The same as claim.sql where one queue is asked for: the planner needs no ephemeral tables then.
UPDATE treadle_job
   SET state = 'running', worker = :worker, attempt = attempt + 1, epoch = epoch + 1,
       started_at = :now, taken = 0, reason = NULL
 WHERE seq IN (
       SELECT seq FROM treadle_job
        WHERE state = 'queued' AND lane IS NULL AND queue = :queue
        ORDER BY rank, seq
        LIMIT :want)
RETURNING rank, seq, id, task, queue, args, priority, attempt, max_attempts, epoch, crashes, queued_at, expires_at,
          result_ttl, owner, tenant, batch, meta, lane, costs
