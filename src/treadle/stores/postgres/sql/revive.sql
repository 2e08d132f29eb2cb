-- Where another live job holds the unique key by now, this one stays final.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       chosen AS MATERIALIZED (
       SELECT seq, unique_key
         FROM treadle.job
        WHERE id = ANY (:ids::text[]) AND finished_at IS NOT NULL
        ORDER BY seq
          FOR UPDATE),
       free AS (
       SELECT DISTINCT ON (coalesce(unique_key, seq::text), unique_key IS NULL) seq
         FROM chosen
        WHERE NOT EXISTS (
              SELECT 1 FROM treadle.job AS other
               WHERE other.unique_key = chosen.unique_key AND other.finished_at IS NULL)
        ORDER BY coalesce(unique_key, seq::text), unique_key IS NULL, seq),
       revived AS (
       UPDATE treadle.job AS job
          SET state = 'queued', queued_at = clock.now, finished_at = NULL, reason = NULL, outcome = NULL, result = NULL,
              result_until = NULL, expires_at = NULL, crashes = 0, cancel = false,
              max_attempts = greatest(max_attempts, attempt + 1)
         FROM clock
        WHERE job.seq = ANY (ARRAY (SELECT seq FROM free))
       RETURNING id)
SELECT id FROM revived
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM revived) THEN left(pg_notify(:channel, '')::text, 0) END
