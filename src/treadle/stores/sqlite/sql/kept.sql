-- When the first of the last runs of a task ended.
SELECT finished_at
  FROM (SELECT * FROM (SELECT finished_at FROM treadle_job
                        WHERE state = 'completed' AND task = :task AND finished_at IS NOT NULL
                        ORDER BY finished_at DESC LIMIT :runs)
         UNION ALL
        SELECT * FROM (SELECT finished_at FROM treadle_job
                        WHERE state = 'failed' AND task = :task AND finished_at IS NOT NULL
                        ORDER BY finished_at DESC LIMIT :runs)
         UNION ALL
        SELECT * FROM (SELECT finished_at FROM treadle_job
                        WHERE state = 'cancelled' AND task = :task AND finished_at IS NOT NULL
                        ORDER BY finished_at DESC LIMIT :runs))
 ORDER BY finished_at DESC
 LIMIT 1 OFFSET :runs - 1
