SELECT job, lines FROM treadle_log WHERE job IN (SELECT value FROM json_each(:refs)) ORDER BY job, epoch
