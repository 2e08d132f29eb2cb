UPDATE treadle_turn
   SET open = 0
 WHERE queue = :queue AND tenant = :tenant
   AND NOT EXISTS (SELECT 1 FROM treadle_lane WHERE queue = :queue AND tenant = :tenant AND gate IS NULL)
