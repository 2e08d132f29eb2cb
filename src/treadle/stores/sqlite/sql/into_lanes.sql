-- Give those of the first jobs without a lane whose task is steered the lane of their task.
UPDATE treadle_job
   SET (lane, lane_hash) = (
       SELECT steered.value ->> 1, steered.value ->> 2
         FROM json_each(:tasks) AS steered WHERE steered.value ->> 0 = treadle_job.task)
 WHERE seq IN (
       SELECT job.seq
         FROM (SELECT seq, task FROM treadle_job
                WHERE state = 'queued' AND lane IS NULL AND queue = :queue
                ORDER BY rank, seq
                LIMIT :limit) AS job
        WHERE job.task IN (SELECT value ->> 0 FROM json_each(:tasks)))
