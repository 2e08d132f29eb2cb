-- Part of find.sql: the best of each state, as the index has them. In the order of the keys alone, the jobs of an owner
-- who has few would be looked for among those of all.
SELECT next.key
         FROM unnest(:states::text[]) AS asked (state)
        CROSS JOIN LATERAL (
              SELECT job.key FROM treadle.job AS job
               WHERE job.state = asked.state AND {where}
               ORDER BY job.key {direction}
               LIMIT :limit) AS next
        ORDER BY next.key {direction}
        LIMIT :limit
