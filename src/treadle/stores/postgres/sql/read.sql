SELECT key, value, version FROM treadle.record WHERE kind = :kind AND (:key::text IS NULL OR key = :key) ORDER BY key
