SELECT min(first.until)
  FROM (SELECT (SELECT min(until) FROM treadle_lane WHERE queue = wanted.value AND until IS NOT NULL) AS until
          FROM json_each(:queues) AS wanted) AS first
