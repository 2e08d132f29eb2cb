-- The first lanes, open or shut, of each of these tenants, in one walk through those of the queue.
SELECT tenant, place, lane, rank, seq
  FROM (SELECT tenant, rowid AS place, lane, rank, seq, row_number() OVER (PARTITION BY tenant ORDER BY rank, seq) AS number
          FROM treadle_lane
         WHERE queue = :queue AND tenant IN (SELECT value FROM json_each(:tenants)))
 WHERE number <= :limit
 ORDER BY tenant, number
