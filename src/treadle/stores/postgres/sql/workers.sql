SELECT id, lease_until, seen_at, started_at, host, space, pid, born, queues, slots, details
  FROM treadle.worker
 ORDER BY started_at, id
