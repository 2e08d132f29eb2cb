SELECT rank, seq, id, task, queue, args, priority, attempt, max_attempts, epoch, crashes, queued_at, expires_at,
       result_ttl, owner, tenant, batch, meta, lane, costs, taken
  FROM treadle_job
 WHERE worker = :worker AND state = 'running'
