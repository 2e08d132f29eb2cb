-- Put new jobs in line, as a trigger does for those that are changed: here it would cost the jobs without a lane, too.
INSERT INTO treadle_lane (queue, lane, lane_hash, tenant, rank, seq)
SELECT queue, lane, lane_hash, json_extract(lane, '$[1]'), rank, seq
  FROM treadle_job
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'queued' AND lane IS NOT NULL
    ON CONFLICT (queue, lane) DO UPDATE
   SET rank = excluded.rank, seq = excluded.seq, gate = NULL, until = NULL
 WHERE (excluded.rank, excluded.seq) < (treadle_lane.rank, treadle_lane.seq)
