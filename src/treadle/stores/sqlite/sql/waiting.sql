-- The first jobs of each of these lanes, in no order.
SELECT asked.key, job.seq, job.id, job.rank, job.costs
  FROM json_each(:lanes) AS asked
 CROSS JOIN treadle_lane AS place ON place.rowid = asked.value
 CROSS JOIN treadle_job AS job ON job.seq IN (
       SELECT seq FROM treadle_job
        WHERE state = 'queued' AND lane IS NOT NULL AND queue = place.queue AND lane_hash = place.lane_hash AND lane = place.lane
        ORDER BY rank, seq
        LIMIT :limit)
