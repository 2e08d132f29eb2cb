UPDATE treadle_job
   SET state = 'running', worker = :worker, attempt = attempt + 1, epoch = epoch + 1,
       started_at = :now, taken = 0, reason = NULL
 WHERE seq IN (SELECT value FROM json_each(:refs))
RETURNING seq, id, task, queue, args, priority, attempt, max_attempts, epoch, crashes, queued_at, expires_at,
          result_ttl, owner, tenant, batch, meta, lane, costs
