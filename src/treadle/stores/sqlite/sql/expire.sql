UPDATE treadle_job
   SET state = 'failed', reason = 'expired', finished_at = :now
 WHERE seq IN (
       SELECT seq FROM treadle_job
        WHERE expires_at <= :now AND expires_at IS NOT NULL AND finished_at IS NULL AND state <> 'running'
        LIMIT :limit)
