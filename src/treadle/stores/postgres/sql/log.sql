SELECT job, lines FROM treadle.log WHERE job = ANY (:refs::bigint[]) ORDER BY job, epoch
