-- Give those of the first jobs without a lane whose task is steered the lane of their task.
UPDATE treadle_job
   SET (lane, lane_hash) = (
       SELECT json_extract(steered.value, '$[1]'), json_extract(steered.value, '$[2]')
         FROM json_each(:tasks) AS steered WHERE json_extract(steered.value, '$[0]') = treadle_job.task)
 WHERE seq IN (
       SELECT job.seq
         FROM (SELECT seq, task FROM treadle_job
                WHERE state = 'queued' AND lane IS NULL AND queue = :queue
                ORDER BY rank, seq
                LIMIT :limit) AS job
        WHERE job.task IN (SELECT json_extract(value, '$[0]') FROM json_each(:tasks)))
