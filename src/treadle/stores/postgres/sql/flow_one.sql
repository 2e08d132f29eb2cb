-- Part of cycle.sql and claim.sql: whether something of this queue waits in lanes that are open, or somebody steers what
-- waits without one (records between "queue=" and "queue>"). Then only a claim under the lock may look at it.
flow AS MATERIALIZED (
       SELECT due.until,
              EXISTS (SELECT 1 FROM treadle.record
                       WHERE kind = 'steer' AND key >= 'queue=' AND key < 'queue>')
              OR EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'task=' AND key < 'task>')
              OR :want > 0 AND (
                 coalesce(due.until <= clock.now, false)
                 OR EXISTS (SELECT 1 FROM treadle.arrival WHERE queue = :queue)
                 OR EXISTS (SELECT 1 FROM treadle.turn WHERE queue = :queue AND open)) AS there
         FROM clock
         LEFT JOIN LATERAL (
              SELECT until FROM treadle.lane WHERE queue = :queue AND until IS NOT NULL ORDER BY until LIMIT 1
              ) AS due ON true)
