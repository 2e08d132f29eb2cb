DELETE FROM treadle_attempt WHERE job IN (SELECT value FROM json_each(:refs))
