SELECT job::text, number, epoch, worker, started_at, ended_at, ending, error
  FROM treadle.attempt
 WHERE job = ANY (:refs::uuid[])
 ORDER BY job, epoch
