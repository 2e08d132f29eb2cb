-- Open lanes that are shut at a gate, in the order of turns: of the tenant who has paid least its best lane first.
  WITH RECURSIVE next (tenant) AS (
       SELECT min(tenant) FROM treadle_lane WHERE gate = :gate AND queue = :queue
        UNION ALL
       SELECT (SELECT min(tenant) FROM treadle_lane WHERE gate = :gate AND queue = :queue AND tenant > next.tenant)
         FROM next WHERE next.tenant IS NOT NULL),
       first AS (
       SELECT lane.rowid AS place, lane.rank, lane.seq,
              max(coalesce((SELECT paid FROM treadle_turn WHERE queue = :queue AND tenant = next.tenant), 0),
                  coalesce((SELECT clock FROM treadle_line WHERE queue = :queue), 0))
              + 1000000 * (row_number() OVER (PARTITION BY next.tenant ORDER BY lane.rank, lane.seq) - 1) AS turn
         FROM next
        CROSS JOIN treadle_lane AS lane ON lane.rowid IN (
              SELECT rowid FROM treadle_lane
               WHERE gate = :gate AND queue = :queue AND tenant = next.tenant
               ORDER BY rank, seq
               LIMIT :limit)
        WHERE next.tenant IS NOT NULL)
UPDATE treadle_lane
   SET gate = NULL, until = NULL
 WHERE rowid IN (SELECT place FROM first ORDER BY turn, rank, seq LIMIT :limit)
