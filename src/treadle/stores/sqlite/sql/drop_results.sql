UPDATE treadle_job
   SET result = NULL
 WHERE seq IN (
       SELECT seq FROM treadle_job
        WHERE result IS NOT NULL AND result_until <= :now
        LIMIT :limit)
