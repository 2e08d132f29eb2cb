-- One statement, so that no job slips from one state into another between two looks.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
UPDATE treadle.job AS job
   SET state = CASE WHEN worker IS NULL THEN 'cancelled' ELSE state END,
       reason = CASE WHEN worker IS NOT NULL THEN reason END,
       finished_at = CASE WHEN worker IS NULL THEN clock.now END,
       cancel = cancel OR worker IS NOT NULL,
       grip = CASE WHEN worker IS NULL THEN least(grip, (unique_for IS NOT NULL)::integer) ELSE grip END
  FROM clock
 WHERE key = ANY (ARRAY (
       SELECT key
         FROM treadle.job
        WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[])) AND finished_at IS NULL
        ORDER BY key
          FOR UPDATE))
RETURNING coalesce(name, key::text) AS id
