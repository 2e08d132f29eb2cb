UPDATE treadle.job
   SET state = 'held', reason = :reason
 WHERE key = ANY (ARRAY (
       SELECT key FROM treadle.job
        WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[])) AND state IN ('scheduled', 'queued')
        ORDER BY key
          FOR UPDATE))
RETURNING coalesce(name, key::text) AS id
