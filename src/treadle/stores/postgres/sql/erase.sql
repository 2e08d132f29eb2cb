DELETE FROM treadle.record
 WHERE kind = :kind AND key = :key AND (:expect::bigint IS NULL OR version = :expect)
RETURNING 1
