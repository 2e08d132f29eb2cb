UPDATE treadle.record SET value = :value, version = version + 1
 WHERE kind = :kind AND key = :key AND version = :expect
RETURNING 1
