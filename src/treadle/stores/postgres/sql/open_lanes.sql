-- Open lanes that are shut at these gates, in the order of turns: of the tenant who has paid least its best lane first. So
-- many of one queue or, where none is named, so many of each; answer how many.
  WITH RECURSIVE asked AS MATERIALIZED (
       SELECT * FROM unnest(:gates::text[], :queues::text[], :numbers::integer[]) WITH ORDINALITY
              AS row (gate, queue, number, asked)),
       -- From one tenant of a queue to the next in the index.
       place AS (
       SELECT asked.asked, asked.gate, asked.number, asked.queue AS only, first.queue, first.tenant
         FROM asked
        CROSS JOIN LATERAL (
              SELECT queue, tenant FROM treadle.lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(asked.gate, 0) AND lane.gate = asked.gate
                 AND lane.queue >= coalesce(asked.queue, '')
               ORDER BY queue, tenant
               LIMIT 1) AS first
        WHERE asked.queue IS NULL OR first.queue = asked.queue
        UNION ALL
       SELECT place.asked, place.gate, place.number, place.only, next.queue, next.tenant
         FROM place
        CROSS JOIN LATERAL (
              SELECT queue, tenant FROM treadle.lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(place.gate, 0) AND lane.gate = place.gate
                 AND (lane.queue, lane.tenant) > (place.queue, place.tenant)
               ORDER BY queue, tenant
               LIMIT 1) AS next
        WHERE place.only IS NULL OR next.queue = place.only),
       best AS (
       SELECT place.asked, place.gate, place.queue, place.number, lane.*,
              greatest(coalesce(turn.paid, 0), coalesce(line.clock, 0)) + (lane.at - 1) * 1000000 AS turn
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
         LEFT JOIN LATERAL (SELECT clock FROM treadle.line WHERE line.queue = place.queue OFFSET 0) AS line ON true),
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
