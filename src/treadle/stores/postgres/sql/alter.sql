-- Those who wait for each other in order keep their priority.
  WITH altered AS (
       UPDATE treadle.job
          SET queue = coalesce(:queue::text, queue),
              rank = CASE WHEN coalesce(strpos(substr(lane, 2), '["order",') > 0, false) THEN rank
                          ELSE rank - (coalesce(:priority::bigint, priority) - priority) * 60000 END,
              priority = CASE WHEN coalesce(strpos(substr(lane, 2), '["order",') > 0, false) THEN priority ELSE coalesce(:priority::bigint, priority) END
        WHERE key = ANY (ARRAY (
              SELECT key FROM treadle.job
               WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[]))
                 AND state IN ('held', 'scheduled', 'queued')
               ORDER BY key
                 FOR UPDATE))
          AND (:queue::text IS NOT NULL OR NOT coalesce(strpos(substr(lane, 2), '["order",') > 0, false))
       RETURNING coalesce(name, key::text) AS id, state)
SELECT id FROM altered
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM altered WHERE state = 'queued') THEN left(pg_notify(:channel, '')::text, 0) END
