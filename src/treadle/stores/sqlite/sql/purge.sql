DELETE FROM treadle_job
 WHERE seq IN (
       SELECT seq FROM treadle_job
        WHERE state = :state AND finished_at IS NOT NULL AND finished_at <= :before
        ORDER BY finished_at
        LIMIT :limit)
RETURNING seq, id
