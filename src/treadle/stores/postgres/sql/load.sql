-- What waits: of each queue the tenants whose turn is next, of each the best open lanes, of each the first jobs; and, where
-- lanes are open or somebody steers, the first jobs that have no lane. The first row says what glance.sql says; if word was
-- left, there are no others. Then come queues (1), tenants (2), lanes (3), and jobs (4, 5) in the order of their lane's index.
--   room     jobs that are read of a lane; none of the one that is only looked at to know where it stands
--   id       of a job that waits in order, whose turn is known by it
  WITH seen AS MATERIALIZED (
       {glance}),
       wanted AS MATERIALIZED (
       SELECT row.*, coalesce(line.clock, 0) AS clock
         FROM unnest(:queues::text[]) WITH ORDINALITY AS row (queue, place)
         LEFT JOIN LATERAL (SELECT clock FROM treadle.line WHERE line.queue = row.queue OFFSET 0) AS line ON true
        WHERE (SELECT leased AND (:whatever OR NOT more) FROM seen)),
       turn AS MATERIALIZED (
       SELECT next.*, greatest(:run, ceil(:want::float8 / count(*) OVER ())::integer) AS share
         FROM wanted CROSS JOIN LATERAL (
              SELECT wanted.queue, wanted.place, tenant, paid, row_number() OVER (ORDER BY paid) AS number
                FROM (SELECT tenant, paid FROM treadle.turn
                       WHERE turn.queue = wanted.queue AND open
                       ORDER BY paid
                       LIMIT :tenants + 1) AS first) AS next),
       lane AS MATERIALIZED (
       SELECT turn.place, turn.queue, turn.number, next.*, strpos(substr(next.name, 2), '["order",') > 0 AS ordered,
              CASE WHEN next.at < share + 2 THEN greatest(2, share / next.beside + 1) END AS room
         FROM turn CROSS JOIN LATERAL (
              SELECT ctid::text AS spot, name, rank, seq, row_number() OVER () AS at, count(*) OVER () AS beside
                FROM (SELECT ctid, name, rank, seq
                        FROM treadle.lane
                       WHERE lane.queue = turn.queue AND lane.tenant = turn.tenant AND gate IS NULL
                       ORDER BY rank, seq
                       LIMIT share + 2) AS first) AS next
        WHERE turn.number <= :tenants)
SELECT 0 AS kind, 0::bigint AS place, 0::bigint AS number, 0::bigint AS at, now AS paid, row_to_json(seen)::text AS name,
       NULL AS spot, NULL::bigint AS rank, NULL::bigint AS seq, NULL::bigint AS room, NULL AS id, NULL AS costs
  FROM seen
 UNION ALL
SELECT 1, place, 0, 0, clock, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM wanted
 UNION ALL
SELECT 2, place, number, 0, paid, tenant, NULL, NULL, NULL, NULL, NULL, NULL FROM turn
 UNION ALL
SELECT 3, place, number, at, NULL, name, spot, rank, seq, room, NULL, NULL FROM lane
 UNION ALL
SELECT 4, place, number, at, NULL, NULL, job.spot, job.rank, job.seq, NULL, job.id, job.costs
  FROM lane
 CROSS JOIN LATERAL (
       SELECT ctid::text AS spot, CASE WHEN lane.ordered THEN coalesce(job.name, key::text) END AS id, job.rank, job.seq,
              costs
         FROM treadle.job AS job
        WHERE state = 'queued' AND job.lane IS NOT NULL AND queue = lane.queue
          AND hashtextextended(job.lane, 0) = hashtextextended(lane.name, 0) AND job.lane = lane.name
          AND (:all OR job.seq <> ALL (:but::bigint[]))
        ORDER BY job.rank, job.seq
        LIMIT coalesce(lane.room, 0)) AS job
 UNION ALL
SELECT 5, place, coalesce(turn.open, false)::integer, 0, coalesce(turn.paid, 0), NULL, job.spot, job.rank, job.seq,
       :want + 1, NULL, NULL
  FROM wanted
  LEFT JOIN LATERAL (
       SELECT paid, open FROM treadle.turn WHERE turn.queue = wanted.queue AND tenant = '' OFFSET 0) AS turn ON true
 CROSS JOIN LATERAL (
       SELECT ctid::text AS spot, rank, seq
         FROM treadle.job AS job
        WHERE state = 'queued' AND lane IS NULL AND queue = wanted.queue AND (:all OR seq <> ALL (:but::bigint[]))
          AND :plain AND (SELECT open OR steered FROM seen)
        ORDER BY rank, seq
        LIMIT :want + 1) AS job
