DELETE FROM treadle.job
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[])) AND (state = 'held' OR finished_at IS NOT NULL)
        ORDER BY key
          FOR UPDATE))
RETURNING key::text, coalesce(name, key::text) AS id
