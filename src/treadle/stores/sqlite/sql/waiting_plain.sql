SELECT seq, id, rank FROM treadle_job
 WHERE state = 'queued' AND lane IS NULL AND queue = :queue
 ORDER BY rank, seq
 LIMIT :limit
