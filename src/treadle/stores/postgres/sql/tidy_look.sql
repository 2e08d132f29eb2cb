-- Without the lock: is there anything to be tidied, in these slices?
SELECT EXISTS (SELECT 1 FROM treadle.arrival)
       OR EXISTS (SELECT 1 FROM treadle.record
                   WHERE kind = 'steer' AND (key >= 'queue=' AND key < 'queue>' OR key >= 'task=' AND key < 'task>'
                                             OR key >= 'tenant=' AND key < 'tenant>')),
       EXISTS (
       SELECT 1
         FROM (SELECT idle_at FROM treadle.standing WHERE key > :standing::uuid ORDER BY key LIMIT :most) AS slice
        WHERE idle_at <= coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)),
       EXISTS (
       SELECT 1
         FROM (SELECT queue, paid, open FROM treadle.turn
                WHERE (queue, tenant) > (:queue::text, :tenant::text) ORDER BY queue, tenant LIMIT :most) AS slice
        WHERE NOT open AND paid <= coalesce((SELECT clock FROM treadle.line WHERE line.queue = slice.queue), 0)),
       (SELECT max(key::text) FROM (SELECT key FROM treadle.standing WHERE key > :standing::uuid ORDER BY key LIMIT :most) AS slice),
       (SELECT count(*) FROM (SELECT key FROM treadle.standing WHERE key > :standing::uuid ORDER BY key LIMIT :most) AS slice),
       ARRAY (SELECT queue FROM treadle.turn
               WHERE (queue, tenant) > (:queue::text, :tenant::text) ORDER BY queue, tenant OFFSET :most - 1 LIMIT 1),
       ARRAY (SELECT tenant FROM treadle.turn
               WHERE (queue, tenant) > (:queue::text, :tenant::text) ORDER BY queue, tenant OFFSET :most - 1 LIMIT 1)
