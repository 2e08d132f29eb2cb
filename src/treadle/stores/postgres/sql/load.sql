-- What waits: of each queue the tenants whose turn is next, of each the best open lanes, of each the first jobs; and, where
-- lanes are open or somebody steers, the first jobs that have no lane. The first row says what glance.sql says; if word was
-- left, there are no others. One row a job, in the order of the index within its lane; rows without a job tell of a queue,
-- a tenant, or a lane in which nobody waits. `room`: none for the lane that is only looked at to know where it stands.
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
       SELECT turn.place, turn.queue, turn.number, next.*,
              CASE WHEN next.at < share + 2 THEN greatest(2, share / next.beside + 1) END AS room
         FROM turn CROSS JOIN LATERAL (
              SELECT ctid::text AS spot, name, rank, seq, row_number() OVER () AS at, count(*) OVER () AS beside
                FROM (SELECT ctid, name, rank, seq
                        FROM treadle.lane
                       WHERE lane.queue = turn.queue AND lane.tenant = turn.tenant AND gate IS NULL
                       ORDER BY rank, seq
                       LIMIT share + 2) AS first) AS next
        WHERE turn.number <= :tenants)
SELECT 0 AS kind, 0::bigint AS place, 0::bigint AS number, now AS paid, row_to_json(seen)::text AS name, NULL AS lane,
       NULL::bigint AS lane_rank, NULL::bigint AS lane_seq, NULL::bigint AS room, NULL AS spot, NULL AS id,
       NULL::bigint AS rank, NULL::bigint AS seq, NULL AS costs
  FROM seen
 UNION ALL
SELECT 1, place, 0, clock, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM wanted
 UNION ALL
SELECT 2, place, number, paid, tenant, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM turn
 UNION ALL
SELECT 3, place, number, NULL, lane.name, lane.spot, lane.rank, lane.seq, room, job.spot, job.id, job.rank, job.seq,
       job.costs
  FROM lane
  LEFT JOIN LATERAL (
       SELECT ctid::text AS spot, coalesce(job.name, key::text) AS id, job.rank, job.seq, costs
         FROM treadle.job AS job
        WHERE state = 'queued' AND job.lane IS NOT NULL AND queue = lane.queue
          AND hashtextextended(job.lane, 0) = hashtextextended(lane.name, 0) AND job.lane = lane.name
          AND job.seq <> ALL (:but::bigint[])
        ORDER BY job.rank, job.seq
        LIMIT lane.room) AS job ON lane.room IS NOT NULL
 UNION ALL
SELECT 4, place, coalesce(turn.open, false)::integer, coalesce(turn.paid, 0), NULL, NULL, NULL, NULL, :want + 1, job.spot,
       job.id, job.rank, job.seq, NULL
  FROM wanted
  LEFT JOIN LATERAL (
       SELECT paid, open FROM treadle.turn WHERE turn.queue = wanted.queue AND tenant = '' OFFSET 0) AS turn ON true
 CROSS JOIN LATERAL (
       SELECT ctid::text AS spot, coalesce(name, key::text) AS id, rank, seq
         FROM treadle.job AS job
        WHERE state = 'queued' AND lane IS NULL AND queue = wanted.queue AND seq <> ALL (:but::bigint[])
          AND :plain AND (SELECT open OR steered FROM seen)
        ORDER BY rank, seq
        LIMIT :want + 1) AS job
