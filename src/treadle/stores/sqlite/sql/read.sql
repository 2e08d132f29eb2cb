SELECT key, value, version FROM treadle_record WHERE kind = :kind ORDER BY key
