-- The queues with lanes that are shut at a gate, from one to the next in the index.
  WITH RECURSIVE next (queue) AS (
       SELECT min(queue) FROM treadle_lane WHERE gate = :gate
        UNION ALL
       SELECT (SELECT min(queue) FROM treadle_lane WHERE gate = :gate AND queue > next.queue)
         FROM next WHERE next.queue IS NOT NULL)
SELECT queue FROM next WHERE queue IS NOT NULL
