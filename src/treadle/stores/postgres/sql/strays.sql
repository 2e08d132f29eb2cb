-- What runs is asked for its holders, from one to the next in their index, and those are named whom nobody knows.
  WITH RECURSIVE holder AS (
       SELECT '' COLLATE "C" AS id
        UNION ALL
       SELECT next.id
         FROM holder
        CROSS JOIN LATERAL (
              SELECT worker AS id
                FROM treadle.job
               WHERE state = 'running' AND worker > holder.id
               ORDER BY worker
               LIMIT 1) AS next)
SELECT id FROM holder WHERE id <> '' AND NOT EXISTS (SELECT 1 FROM treadle.worker WHERE worker.id = holder.id)
