-- Where another job holds the unique key by now, this one stays final.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       chosen AS MATERIALIZED (
       SELECT key, unique_key
         FROM treadle.job
        WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[])) AND finished_at IS NOT NULL
        ORDER BY key
          FOR UPDATE),
       free AS (
       SELECT DISTINCT ON (coalesce(unique_key, key::text), unique_key IS NULL) key
         FROM chosen
        WHERE NOT EXISTS (
              SELECT 1 FROM treadle.job AS other
               WHERE other.unique_key = chosen.unique_key AND other.grip > 0 AND other.key <> chosen.key
              OFFSET 0)
        ORDER BY coalesce(unique_key, key::text), unique_key IS NULL, key),
       revived AS (
       UPDATE treadle.job AS job
          SET state = 'queued', queued_at = clock.now, rank = clock.now - job.priority * 60000, finished_at = NULL,
              reason = NULL, outcome = NULL, result = NULL, result_until = NULL, expires_at = NULL, crashes = 0,
              cancel = false, max_attempts = greatest(max_attempts, attempt + 1),
              grip = CASE WHEN job.unique_key IS NULL THEN 0 ELSE 2 END
         FROM clock
        WHERE job.key = ANY (ARRAY (SELECT key FROM free))
       RETURNING coalesce(name, key::text) AS id)
SELECT id FROM revived
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM revived) THEN left(pg_notify(:channel, '')::text, 0) END
