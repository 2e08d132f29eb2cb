DELETE FROM treadle_progress WHERE job IN (SELECT value FROM json_each(:refs))
