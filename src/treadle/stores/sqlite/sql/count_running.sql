SELECT count(*) FROM treadle_job
 WHERE state = 'running' AND (:queue IS NULL OR queue = :queue) AND (:task IS NULL OR task = :task)
   AND (:tenant IS NULL OR json_extract(lane, '$[1]') = :tenant)
