  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job
   SET state = 'failed', reason = 'expired', finished_at = clock.now,
       grip = least(grip, (unique_for IS NOT NULL)::integer)
  FROM clock
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE expires_at <= (SELECT now FROM clock) AND finished_at IS NULL AND worker IS NULL
        ORDER BY expires_at
        LIMIT :limit
          FOR UPDATE SKIP LOCKED))
RETURNING 1
