SELECT lane.tenant, coalesce(turn.paid, 0) AS paid
  FROM (SELECT DISTINCT tenant FROM treadle_lane WHERE queue = :queue) AS lane
  LEFT JOIN treadle_turn AS turn ON turn.queue = :queue AND turn.tenant = lane.tenant
 ORDER BY paid
 LIMIT :limit
