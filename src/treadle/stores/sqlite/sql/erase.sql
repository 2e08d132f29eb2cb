DELETE FROM treadle_record
 WHERE kind = :kind AND key = :key AND (:expect IS NULL OR version = :expect)
