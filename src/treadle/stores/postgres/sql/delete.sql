DELETE FROM treadle.job
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[]))
          AND (:ended_by::bigint IS NULL AND state = 'held'
               OR finished_at <= coalesce(:ended_by::bigint, finished_at))
        ORDER BY key
          FOR UPDATE))
RETURNING key::text, coalesce(name, key::text) AS id
