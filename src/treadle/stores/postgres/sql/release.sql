  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       released AS (
       UPDATE treadle.job
          SET state = CASE WHEN coalesce(due_at, 0) > clock.now THEN 'scheduled' ELSE 'queued' END,
              queued_at = CASE WHEN coalesce(due_at, 0) > clock.now THEN queued_at ELSE clock.now END,
              reason = NULL
         FROM clock
        WHERE key = ANY (ARRAY (
              SELECT key FROM treadle.job
               WHERE state = 'held' AND reason = :reason AND (:tasks::text[] IS NULL OR task = ANY (:tasks::text[]))
               ORDER BY key
                 FOR UPDATE))
       RETURNING 1)
SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify(:channel, '') END FROM released
