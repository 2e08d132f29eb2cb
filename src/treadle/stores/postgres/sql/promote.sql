-- (SELECT now FROM clock) and not a join: so that it bounds the reading of the index.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       promoted AS (
       UPDATE treadle.job
          SET state = 'queued', queued_at = clock.now
         FROM clock
        WHERE key = ANY (ARRAY (
              SELECT key FROM treadle.job
               WHERE state = 'scheduled' AND due_at <= (SELECT now FROM clock)
               ORDER BY due_at
               LIMIT :limit
                 FOR UPDATE SKIP LOCKED))
       RETURNING 1)
SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify(:channel, '') END FROM promoted
