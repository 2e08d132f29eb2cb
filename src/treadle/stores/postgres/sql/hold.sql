UPDATE treadle.job
   SET state = 'held', reason = :reason
 WHERE seq = ANY (ARRAY (
       SELECT seq FROM treadle.job
        WHERE id = ANY (:ids::text[]) AND state IN ('scheduled', 'queued')
        ORDER BY seq
          FOR UPDATE))
RETURNING id
