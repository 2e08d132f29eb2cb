-- A cancel was answered while the attempt ran; its ending would have brought the job back.
UPDATE treadle_job
   SET state = 'cancelled', reason = NULL, finished_at = :now
 WHERE seq IN (SELECT value FROM json_each(:refs)) AND cancel = 1 AND state IN ('held', 'scheduled', 'queued')
