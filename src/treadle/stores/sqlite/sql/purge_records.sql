DELETE FROM treadle_record WHERE kind IN (SELECT value FROM json_each(:kinds))
