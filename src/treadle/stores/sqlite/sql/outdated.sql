-- The jobs of a task that ended before these instants, by state; the longest ended first.
SELECT id
  FROM (SELECT * FROM (SELECT id, finished_at FROM treadle_job
                        WHERE state = 'completed' AND task = :task AND finished_at IS NOT NULL
                              AND finished_at <= :completed
                        ORDER BY finished_at LIMIT :limit)
         UNION ALL
        SELECT * FROM (SELECT id, finished_at FROM treadle_job
                        WHERE state = 'failed' AND task = :task AND finished_at IS NOT NULL
                              AND finished_at <= :failed
                        ORDER BY finished_at LIMIT :limit)
         UNION ALL
        SELECT * FROM (SELECT id, finished_at FROM treadle_job
                        WHERE state = 'cancelled' AND task = :task AND finished_at IS NOT NULL
                              AND finished_at <= :cancelled
                        ORDER BY finished_at LIMIT :limit))
 ORDER BY finished_at
 LIMIT :limit
