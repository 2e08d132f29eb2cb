-- The time is a scalar, and OFFSET 0 keeps the look at jobs apart: of the silent alone, and by the id of each.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
DELETE FROM treadle.worker AS worker
 WHERE worker.lease_until <= (SELECT now FROM clock) AND worker.id <> :worker
   AND NOT EXISTS (SELECT 1 FROM treadle.job WHERE job.worker = worker.id AND state = 'running' OFFSET 0)
