  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job
   SET result = NULL
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job, clock
        WHERE result IS NOT NULL AND result_until <= clock.now
        LIMIT :limit
          FOR UPDATE OF job SKIP LOCKED))
