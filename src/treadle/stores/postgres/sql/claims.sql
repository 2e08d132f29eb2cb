SELECT rank, seq, key::text AS ref, coalesce(name, key::text) AS id, task, queue, args, priority, attempt,
       max_attempts, epoch, crashes, queued_at, expires_at, result_ttl, owner, tenant, batch, meta, lane, costs, taken
  FROM treadle.job
 WHERE worker = :worker AND state = 'running'
 ORDER BY rank, seq
