-- Read the word that was left: put lanes in line, and open those that are better or shorter than was known. Open lanes
-- whose instant has come.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       word AS MATERIALIZED (
       DELETE FROM treadle.arrival
        WHERE ctid = ANY (ARRAY (SELECT ctid FROM treadle.arrival LIMIT :most))
       RETURNING queue, lane, tenant, rank, seq, id, told),
       told AS MATERIALIZED (
       SELECT DISTINCT ON (queue, lane) queue, lane, tenant, rank, seq,
              bool_or(rank IS NULL) OVER (PARTITION BY queue, lane) AS thinner
         FROM word
        WHERE lane IS NOT NULL AND told IS NULL
        ORDER BY queue, lane, rank, seq),
       known AS MATERIALIZED (
       SELECT told.*, lane.spot, coalesce((told.rank, told.seq) < (lane.rank, lane.seq), false) AS better
         FROM told LEFT JOIN LATERAL (
              SELECT ctid AS spot, rank, seq FROM treadle.lane
               WHERE lane.queue = told.queue AND hashtextextended(lane.name, 0) = hashtextextended(told.lane, 0)
                 AND lane.name = told.lane
              OFFSET 0) AS lane ON true),
       due AS MATERIALIZED (
       SELECT next.spot
         FROM clock, unnest(:queues::text[]) AS wanted (name)
        CROSS JOIN LATERAL (
              SELECT ctid AS spot, until FROM treadle.lane
               WHERE queue = wanted.name AND until <= clock.now
               ORDER BY until
               LIMIT :open) AS next
        ORDER BY next.until
        LIMIT :open),
       opened AS (
       UPDATE treadle.lane AS lane
          SET gate = NULL, until = NULL, rank = coalesce(change.rank, lane.rank), seq = coalesce(change.seq, lane.seq)
         FROM (SELECT spot, CASE WHEN better THEN rank END AS rank, CASE WHEN better THEN seq END AS seq
                 FROM known WHERE spot IS NOT NULL AND (better OR thinner)
                UNION ALL
               SELECT spot, NULL, NULL FROM due
                WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.spot = due.spot AND (better OR thinner))
              ) AS change
        WHERE lane.ctid = change.spot
       RETURNING lane.queue, lane.tenant),
       begun AS (
       INSERT INTO treadle.lane (queue, name, tenant, rank, seq)
       SELECT queue, lane, tenant, rank, seq FROM known WHERE spot IS NULL AND rank IS NOT NULL
       RETURNING queue, tenant),
       turned AS (
       INSERT INTO treadle.turn AS turn (queue, tenant, paid, open)
       SELECT queue, tenant, 0, true FROM opened
        UNION
       SELECT queue, tenant, 0, true FROM begun
           ON CONFLICT (queue, tenant) DO UPDATE SET open = true WHERE NOT turn.open)
SELECT clock.now,
       EXISTS (SELECT 1 FROM treadle.worker WHERE id = :worker AND lease_until > clock.now) AS leased,
       EXISTS (SELECT 1 FROM opened WHERE queue = ANY (:queues::text[]))
       OR EXISTS (SELECT 1 FROM begun WHERE queue = ANY (:queues::text[]))
       OR EXISTS (SELECT 1 FROM unnest(:queues::text[]) AS wanted (name)
                   WHERE EXISTS (SELECT 1 FROM treadle.turn WHERE queue = wanted.name AND open OFFSET 0)) AS open,
       ARRAY (SELECT key FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS targets,
       ARRAY (SELECT value FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS steers,
       EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'queue=' AND key < 'queue>')
       OR EXISTS (SELECT 1 FROM treadle.record WHERE kind = 'steer' AND key >= 'task=' AND key < 'task>') AS steered,
       coalesce(txid_status(:before::bigint) = 'committed', false) AS stands,
       true AS shut,
       ARRAY (SELECT jsonb_build_array(queue, lane, id, told)::text FROM word WHERE id IS NOT NULL) AS gone,
       (SELECT count(*) FROM word) AS read,
       (SELECT min(next.until)
          FROM unnest(:queues::text[]) AS wanted (name)
         CROSS JOIN LATERAL (
               SELECT until FROM treadle.lane
                WHERE queue = wanted.name AND until > clock.now
                ORDER BY until
                LIMIT 1) AS next) AS until
  FROM clock
