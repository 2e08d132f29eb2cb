-- What waits: of each queue the tenants whose turn is next, of each the best open lanes, of each the first jobs; and the
-- first of those jobs that have no lane. One row a job; rows without a job tell of a queue, or of a lane without any.
  WITH wanted AS MATERIALIZED (
       SELECT row.*, coalesce(line.clock, 0) AS clock
         FROM unnest(:queues::text[]) WITH ORDINALITY AS row (queue, place)
         LEFT JOIN LATERAL (SELECT clock FROM treadle.line WHERE line.queue = row.queue OFFSET 0) AS line ON true),
       turn AS MATERIALIZED (
       SELECT next.*, count(*) OVER () AS among
         FROM wanted CROSS JOIN LATERAL (
              SELECT wanted.queue, wanted.place, wanted.clock, tenant, paid, row_number() OVER (ORDER BY paid) AS number
                FROM (SELECT tenant, paid FROM treadle.turn
                       WHERE turn.queue = wanted.queue AND open
                       ORDER BY paid
                       LIMIT :tenants + 1) AS first) AS next),
       lane AS MATERIALIZED (
       SELECT turn.*, next.*, count(*) OVER (PARTITION BY turn.queue, turn.tenant) AS beside,
              greatest(:run, ceil(:want::float8 / turn.among)::integer) AS share
         FROM turn CROSS JOIN LATERAL (
              SELECT id, name, rank, seq, row_number() OVER (ORDER BY rank, seq) AS at
                FROM treadle.lane
               WHERE lane.queue = turn.queue AND lane.tenant = turn.tenant AND gate IS NULL
               ORDER BY rank, seq
               LIMIT greatest(:run, ceil(:want::float8 / turn.among)::integer) + 2) AS next
        WHERE turn.number <= :tenants)
SELECT place, 0::bigint AS number, clock, '' AS tenant, 0::bigint AS paid, NULL::bigint AS lane, NULL AS name,
       NULL::bigint AS lane_rank, NULL::bigint AS lane_seq, NULL::bigint AS most, NULL AS ref, NULL AS version,
       NULL AS id, NULL::bigint AS rank, NULL::bigint AS seq, NULL AS costs
  FROM wanted
 UNION ALL
SELECT place, number, clock, tenant, paid, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM turn
 UNION ALL
SELECT place, number, clock, tenant, paid, lane.id, lane.name, lane.rank, lane.seq, CASE WHEN lane.at < share + 2 THEN room.most END,
       job.ref, job.version,
       job.id, job.rank, job.seq, job.costs
  FROM lane
 CROSS JOIN LATERAL (SELECT greatest(2, share / beside + 2) AS most) AS room
  LEFT JOIN LATERAL (
       SELECT key::text AS ref, ctid::text AS version, coalesce(job.name, key::text) AS id, job.rank, job.seq, costs
         FROM treadle.job AS job
        WHERE state = 'queued' AND job.lane IS NOT NULL AND queue = lane.queue
          AND hashtextextended(job.lane, 0) = hashtextextended(lane.name, 0) AND job.lane = lane.name
          AND job.key <> ALL (:but::uuid[])
        ORDER BY job.rank, job.seq
        LIMIT room.most) AS job ON lane.at < share + 2
 UNION ALL
SELECT place, 0, clock, '', coalesce(turn.paid, 0), coalesce(turn.open, false)::integer, '', NULL, NULL, :want + 1, job.ref, job.version, job.id,
       job.rank, job.seq, NULL
  FROM wanted
  LEFT JOIN LATERAL (
       SELECT paid, open FROM treadle.turn WHERE turn.queue = wanted.queue AND tenant = '' OFFSET 0) AS turn ON true
 CROSS JOIN LATERAL (
       SELECT key::text AS ref, ctid::text AS version, coalesce(name, key::text) AS id, rank, seq
         FROM treadle.job AS job
        WHERE state = 'queued' AND lane IS NULL AND queue = wanted.queue AND key <> ALL (:but::uuid[])
          AND :plain
        ORDER BY rank, seq
        LIMIT :want + 1) AS job
 ORDER BY place, number, lane_rank, lane_seq, lane, rank, seq
