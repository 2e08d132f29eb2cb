-- What belonged to jobs that are gone.
  WITH progress AS (DELETE FROM treadle.progress WHERE job = ANY (:refs::uuid[])),
       log AS (DELETE FROM treadle.log WHERE job = ANY (:refs::uuid[])),
       attempt AS (DELETE FROM treadle.attempt WHERE job = ANY (:refs::uuid[]))
DELETE FROM treadle.record WHERE kind = ANY (:kinds::text[])
