SELECT key, value, version FROM treadle_record WHERE kind = :kind AND (:key IS NULL OR key = :key) ORDER BY key
