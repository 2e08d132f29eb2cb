-- Open lanes that are shut at a gate, in the order of turns: of the tenant who has paid least its best lane first. Of very
-- many tenants those are looked at that follow `after` in the alphabet, round and round: so nobody is passed by for ever.
  WITH RECURSIVE later (tenant, number) AS (
       SELECT min(tenant), 1 FROM treadle_lane WHERE gate = :gate AND queue = :queue AND tenant > :after
        UNION ALL
       SELECT (SELECT min(tenant) FROM treadle_lane WHERE gate = :gate AND queue = :queue AND tenant > later.tenant),
              later.number + 1
         FROM later WHERE later.tenant IS NOT NULL AND later.number < max(:tenants, :limit)),
       sooner (tenant, number) AS (
       SELECT min(tenant), (SELECT count(tenant) FROM later) + 1 FROM treadle_lane WHERE gate = :gate AND queue = :queue
        UNION ALL
       SELECT (SELECT min(tenant) FROM treadle_lane WHERE gate = :gate AND queue = :queue AND tenant > sooner.tenant),
              sooner.number + 1
         FROM sooner WHERE sooner.tenant < :after AND sooner.number < max(:tenants, :limit)),
       next (tenant) AS (
       SELECT tenant FROM later WHERE tenant IS NOT NULL
        UNION ALL
       SELECT tenant FROM sooner WHERE tenant <= :after AND number <= max(:tenants, :limit)),
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
               LIMIT :limit))
UPDATE treadle_lane
   SET gate = NULL, until = NULL
 WHERE rowid IN (SELECT place FROM first ORDER BY turn, rank, seq LIMIT :limit)
