  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
DELETE FROM treadle.job
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE state = :state AND finished_at IS NOT NULL AND finished_at <= (SELECT now FROM clock) - :age::bigint
        ORDER BY finished_at
        LIMIT :limit
          FOR UPDATE SKIP LOCKED))
RETURNING key::text, coalesce(name, key::text) AS id
