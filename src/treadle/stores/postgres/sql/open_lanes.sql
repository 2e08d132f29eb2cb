-- Open lanes that are shut at these gates, in the order of turns: of the tenant who has paid least its best lane first. So
-- many of one queue or, where none is named, so many of each; answer how many. Of very many tenants those are looked at that
-- follow `after` in the alphabet, round and round: so nobody is passed by for ever.
  WITH RECURSIVE asked AS MATERIALIZED (
       SELECT * FROM unnest(:gates::text[], :queues::text[], :numbers::integer[]) WITH ORDINALITY
              AS row (gate, queue, number, asked)),
       -- From one queue to the next in the index, where none is named.
       line AS (
       SELECT asked.*, coalesce(asked.queue, first.queue) AS at
         FROM asked
         LEFT JOIN LATERAL (
              SELECT queue FROM treadle.lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(asked.gate, 0) AND lane.gate = asked.gate
               ORDER BY queue
               LIMIT 1) AS first ON asked.queue IS NULL
        UNION ALL
       SELECT line.gate, line.queue, line.number, line.asked, next.queue
         FROM line
        CROSS JOIN LATERAL (
              SELECT queue FROM treadle.lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(line.gate, 0) AND lane.gate = line.gate
                 AND lane.queue > line.at
               ORDER BY queue
               LIMIT 1) AS next
        WHERE line.queue IS NULL),
       -- From one tenant to the next: first those that follow `after`, then from the beginning up to it.
       place AS (
       SELECT asked, gate, number, at AS queue, :after::text COLLATE "C" AS tenant, 0 AS lap, 0 AS seen FROM line
        UNION ALL
       SELECT place.asked, place.gate, place.number, place.queue, next.tenant, next.lap, place.seen + 1
         FROM place
        CROSS JOIN LATERAL (
              SELECT tenant, lap
                FROM ((SELECT tenant, place.lap AS lap FROM treadle.lane
                        WHERE hashtextextended(lane.gate, 0) = hashtextextended(place.gate, 0) AND lane.gate = place.gate
                          AND lane.queue = place.queue AND lane.tenant > place.tenant
                          AND (place.lap = 0 OR lane.tenant <= :after::text)
                        ORDER BY queue, tenant
                        LIMIT 1)
                       UNION ALL
                      (SELECT tenant, 1 FROM treadle.lane
                        WHERE hashtextextended(lane.gate, 0) = hashtextextended(place.gate, 0) AND lane.gate = place.gate
                          AND lane.queue = place.queue AND place.lap = 0 AND lane.tenant <= :after::text
                        ORDER BY queue, tenant
                        LIMIT 1)) AS either
               ORDER BY lap
               LIMIT 1) AS next
        WHERE place.seen < greatest(:tenants::integer, place.number)),
       best AS (
       SELECT place.asked, place.gate, place.queue, place.number, lane.*,
              greatest(coalesce(turn.paid, 0), coalesce(clock.clock, 0)) + (lane.at - 1) * 1000000 AS turn
         FROM place
        CROSS JOIN LATERAL (
              SELECT ctid AS spot, rank, seq, row_number() OVER (ORDER BY rank, seq) AS at
                FROM treadle.lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(place.gate, 0) AND lane.gate = place.gate
                 AND lane.queue = place.queue AND lane.tenant = place.tenant
               ORDER BY rank, seq
               LIMIT place.number) AS lane
         LEFT JOIN LATERAL (
              SELECT paid FROM treadle.turn WHERE turn.queue = place.queue AND turn.tenant = place.tenant OFFSET 0
              ) AS turn ON true
         LEFT JOIN LATERAL (SELECT clock FROM treadle.line WHERE line.queue = place.queue OFFSET 0) AS clock ON true
        WHERE place.seen > 0),
       chosen AS MATERIALIZED (
       SELECT asked, queue, spot
         FROM (SELECT asked, queue, spot, number,
                      row_number() OVER (PARTITION BY asked, queue ORDER BY turn, rank, seq) AS place
                 FROM best) AS each
        WHERE place <= number),
       opened AS (
       UPDATE treadle.lane SET gate = NULL, until = NULL
        WHERE ctid = ANY (ARRAY (SELECT spot FROM chosen))
       RETURNING queue, tenant),
       turned AS (
       INSERT INTO treadle.turn AS turn (queue, tenant, paid, open)
       SELECT DISTINCT queue, tenant, 0, true FROM opened
           ON CONFLICT (queue, tenant) DO UPDATE SET open = true WHERE NOT turn.open)
SELECT asked, queue, count(*) FROM chosen GROUP BY asked, queue
