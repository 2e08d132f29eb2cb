-- Open the best lanes that are shut at these gates: so many of one queue or, where none is named, so many of each.
  WITH RECURSIVE asked AS MATERIALIZED (
       SELECT * FROM unnest(:gates::text[], :queues::text[], :numbers::integer[]) AS row (gate, queue, number)),
       place AS (
       SELECT gate, ''::text COLLATE "C" AS queue, number FROM asked WHERE queue IS NULL
        UNION ALL
       SELECT place.gate, next.queue, place.number
         FROM place
        CROSS JOIN LATERAL (
              SELECT lane.queue FROM treadle.lane AS lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(place.gate, 0) AND lane.gate = place.gate
                 AND lane.queue > place.queue
               ORDER BY lane.queue
               LIMIT 1) AS next),
       chosen AS MATERIALIZED (
       SELECT DISTINCT best.id
         FROM (SELECT * FROM asked WHERE queue IS NOT NULL UNION ALL SELECT * FROM place WHERE queue <> '') AS each
        CROSS JOIN LATERAL (
              SELECT id FROM treadle.lane AS lane
               WHERE hashtextextended(lane.gate, 0) = hashtextextended(each.gate, 0) AND lane.gate = each.gate
                 AND lane.queue = each.queue
               ORDER BY rank, seq
               LIMIT each.number) AS best),
       opened AS (
       UPDATE treadle.lane SET gate = NULL, until = NULL
        WHERE id = ANY (ARRAY (SELECT id FROM chosen))
       RETURNING queue, tenant),
       turned AS (
       INSERT INTO treadle.turn AS turn (queue, tenant, paid, open)
       SELECT DISTINCT queue, tenant, 0, true FROM opened
           ON CONFLICT (queue, tenant) DO UPDATE SET open = true WHERE NOT turn.open)
SELECT DISTINCT queue FROM opened
