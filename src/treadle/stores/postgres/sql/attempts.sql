SELECT job, number, epoch, worker, started_at, ended_at, ending, error
  FROM treadle.attempt
 WHERE job = ANY (:refs::bigint[])
 ORDER BY job, epoch
