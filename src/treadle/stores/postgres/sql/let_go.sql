-- Those who hold a unique key by their time alone, and whose time is over, give it to whoever wants it now.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job
   SET grip = 0
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE unique_key = ANY (:unique_keys::text[]) AND grip = 1
          AND created_at + unique_for <= (SELECT now FROM clock)
        ORDER BY key
          FOR UPDATE))
