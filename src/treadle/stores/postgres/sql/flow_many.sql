-- Part of cycle.sql and claim.sql: the same as flow_one.sql for several queues.
flow AS MATERIALIZED (
       SELECT due.until,
              EXISTS (SELECT 1 FROM treadle.record
                       WHERE kind = 'steer' AND key >= 'queue=' AND key < 'queue>')
              OR EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'task=' AND key < 'task>')
              OR :want > 0 AND (
                 coalesce(due.until <= clock.now, false)
                 OR EXISTS (SELECT 1 FROM treadle.arrival WHERE queue = ANY (:queues::text[]))
                 OR EXISTS (SELECT 1 FROM unnest(:queues::text[]) AS wanted (name)
                             WHERE EXISTS (SELECT 1 FROM treadle.turn WHERE queue = wanted.name AND open OFFSET 0))
                 ) AS there
         FROM clock
         LEFT JOIN (
              SELECT min(next.until) AS until
                FROM unnest(:queues::text[]) AS wanted (name)
               CROSS JOIN LATERAL (
                     SELECT until FROM treadle.lane
                      WHERE queue = wanted.name AND until IS NOT NULL ORDER BY until LIMIT 1) AS next) AS due ON true)
