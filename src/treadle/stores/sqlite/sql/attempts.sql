SELECT job, number, epoch, worker, started_at, ended_at, ending, error
  FROM treadle_attempt
 WHERE job IN (SELECT value FROM json_each(:refs))
 ORDER BY job, epoch
