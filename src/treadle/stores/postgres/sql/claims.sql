SELECT rank, seq, key::text AS ref, coalesce(name, key::text) AS id, task, queue, args, -rank AS priority, attempt,
       max_attempts, epoch, crashes, queued_at, expires_at, result_ttl, owner, tenant, batch, meta, taken
  FROM treadle.job
 WHERE worker = :worker AND state = 'running'
 ORDER BY rank, seq
