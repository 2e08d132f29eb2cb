-- OFFSET 0: each is looked up by itself, not all that run for a few who are gone.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
DELETE FROM treadle.worker AS worker
 USING clock
 WHERE worker.lease_until <= clock.now AND worker.id <> :worker
   AND NOT EXISTS (SELECT 1 FROM treadle.job WHERE job.worker = worker.id AND state = 'running' OFFSET 0)
