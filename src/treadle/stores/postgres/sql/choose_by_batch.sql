-- Part of find.sql: the whole batch, sorted. OFFSET 0: so that it is not looked for in the order of the keys.
SELECT found.key
         FROM (SELECT job.key FROM treadle.job AS job WHERE {where} OFFSET 0) AS found
        ORDER BY found.key {direction}
        LIMIT :limit
