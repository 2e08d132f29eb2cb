  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job
   SET state = 'failed', reason = 'expired', finished_at = clock.now
  FROM clock
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job, clock
        WHERE expires_at <= clock.now AND expires_at IS NOT NULL AND finished_at IS NULL AND worker IS NULL
        ORDER BY expires_at
        LIMIT :limit
          FOR UPDATE OF job SKIP LOCKED))
RETURNING 1
