SELECT key, value, version FROM treadle.record WHERE kind = :kind ORDER BY key
