DELETE FROM treadle.job
 WHERE seq = ANY (ARRAY (
       SELECT seq FROM treadle.job
        WHERE id = ANY (:ids::text[]) AND (state = 'held' OR finished_at IS NOT NULL)
        ORDER BY seq
          FOR UPDATE))
RETURNING seq, id
