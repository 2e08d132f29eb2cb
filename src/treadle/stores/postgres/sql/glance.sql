-- What a transaction under the lock begins with: whether word was left or lanes are due, which takes digest.sql to read.
--   stands   what the transaction :before has written
--   shut     a lane may be shut, which is looked for only by those who are :unsure
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
SELECT clock.now,
       EXISTS (SELECT 1 FROM treadle.worker WHERE id = :worker AND lease_until > clock.now) AS leased,
       EXISTS (SELECT 1 FROM unnest(:queues::text[]) AS wanted (name)
                WHERE EXISTS (SELECT 1 FROM treadle.turn WHERE queue = wanted.name AND open OFFSET 0)) AS open,
       ARRAY (SELECT key FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS targets,
       ARRAY (SELECT value FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS steers,
       EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'queue=' AND key < 'queue>')
       OR EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'task=' AND key < 'task>') AS steered,
       coalesce(txid_status(:before::bigint) = 'committed', false) AS stands,
       NOT :unsure OR EXISTS (SELECT 1 FROM treadle.lane WHERE gate IS NOT NULL) AS shut,
       due.until,
       EXISTS (SELECT 1 FROM treadle.arrival) OR coalesce(due.until <= clock.now, false) AS more
  FROM clock
  LEFT JOIN (
       SELECT min(next.until) AS until
         FROM unnest(:queues::text[]) AS wanted (name)
        CROSS JOIN LATERAL (
              SELECT until FROM treadle.lane
               WHERE queue = wanted.name AND until IS NOT NULL ORDER BY until LIMIT 1) AS next) AS due ON true
