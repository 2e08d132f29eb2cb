UPDATE treadle_job
   SET state = 'queued', queued_at = :now
 WHERE seq IN (
       SELECT seq FROM treadle_job
        WHERE state = 'scheduled' AND due_at <= :now
        ORDER BY due_at
        LIMIT :limit)
