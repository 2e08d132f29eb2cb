-- What belonged to jobs that are gone.
  WITH progress AS (DELETE FROM treadle.progress WHERE job = ANY (:refs::bigint[])),
       log AS (DELETE FROM treadle.log WHERE job = ANY (:refs::bigint[])),
       attempt AS (DELETE FROM treadle.attempt WHERE job = ANY (:refs::bigint[]))
DELETE FROM treadle.record WHERE kind = ANY (:kinds::text[])
