SELECT job::text, lines FROM treadle.log WHERE job = ANY (:refs::uuid[]) ORDER BY job, epoch
