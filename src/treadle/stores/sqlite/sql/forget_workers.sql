DELETE FROM treadle_worker
 WHERE lease_until <= :now AND id <> :worker
   AND NOT EXISTS (SELECT 1 FROM treadle_job WHERE worker = treadle_worker.id AND state = 'running')
