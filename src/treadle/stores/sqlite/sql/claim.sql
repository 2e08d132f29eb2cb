UPDATE treadle_job
   SET state = 'running', worker = :worker, attempt = attempt + 1, epoch = epoch + 1,
       started_at = :now, taken = 0, reason = NULL
 WHERE seq IN (
       SELECT job.seq
         FROM json_each(:queues) AS wanted
         JOIN treadle_job AS job ON job.seq IN (
              SELECT seq FROM treadle_job
               WHERE state = 'queued' AND lane IS NULL AND queue = wanted.value
               ORDER BY rank, seq
               LIMIT :want)
        ORDER BY job.rank, job.seq
        LIMIT :want)
RETURNING rank, seq, id, task, queue, args, priority, attempt, max_attempts, epoch, crashes, queued_at, expires_at,
          result_ttl, owner, tenant, batch, meta, lane, costs
