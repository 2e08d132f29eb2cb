  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job
   SET result = NULL
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE result IS NOT NULL AND result_until <= (SELECT now FROM clock)
        ORDER BY result_until
        LIMIT :limit
          FOR UPDATE SKIP LOCKED))
