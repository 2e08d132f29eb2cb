SELECT seq, id, rank, costs FROM treadle_job
 WHERE state = 'queued' AND lane IS NOT NULL AND queue = :queue AND lane = :lane
 ORDER BY rank, seq
 LIMIT :limit
