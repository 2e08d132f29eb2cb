-- The unique keys that jobs had which are to be revived.
SELECT DISTINCT unique_key
  FROM treadle.job
 WHERE (key = ANY (:keys::uuid[]) AND name IS NULL OR name = ANY (:names::text[])) AND unique_key IS NOT NULL
   AND finished_at IS NOT NULL
