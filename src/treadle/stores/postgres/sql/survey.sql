-- All that waits in a queue, whatever its lanes are shut at: lanes that are in line, and those that word was left of.
  WITH known AS MATERIALIZED (
       SELECT name, tenant, rank, seq, 0 AS late FROM treadle.lane WHERE queue = :queue
        UNION ALL
       SELECT lane, tenant, rank, seq, 1 FROM treadle.arrival WHERE queue = :queue AND rank IS NOT NULL),
       once AS (SELECT DISTINCT ON (name) * FROM known ORDER BY name, late, rank, seq),
       waiting AS MATERIALIZED (
       SELECT name, tenant, row_number() OVER (PARTITION BY tenant ORDER BY rank, seq) AS at FROM once),
       paying AS MATERIALIZED (
       SELECT each.tenant, coalesce(turn.paid, 0) AS paid,
              row_number() OVER (ORDER BY coalesce(turn.paid, 0), each.tenant) AS number
         FROM (SELECT DISTINCT tenant FROM waiting) AS each
         LEFT JOIN LATERAL (
              SELECT paid FROM treadle.turn WHERE turn.queue = :queue AND turn.tenant = each.tenant OFFSET 0
              ) AS turn ON true)
SELECT paying.number, waiting.tenant, paying.paid, waiting.at, waiting.name, job.ref, job.id, job.rank, job.seq,
       job.costs, job.task
  FROM waiting JOIN paying ON paying.tenant = waiting.tenant
 CROSS JOIN LATERAL (
       SELECT key::text AS ref, coalesce(job.name, key::text) AS id, job.rank, job.seq, costs, task
         FROM treadle.job AS job
        WHERE state = 'queued' AND job.lane IS NOT NULL AND queue = :queue
          AND hashtextextended(job.lane, 0) = hashtextextended(waiting.name, 0) AND job.lane = waiting.name
        ORDER BY job.rank, job.seq
        LIMIT :most + 1) AS job
 WHERE waiting.at <= :most + 1 AND paying.number <= :most + 1
 UNION ALL
(SELECT 0, '', coalesce((SELECT paid FROM treadle.turn WHERE queue = :queue AND tenant = ''), 0), 0, '',
        key::text, coalesce(name, key::text), rank, seq, NULL, task
   FROM treadle.job
  WHERE state = 'queued' AND lane IS NULL AND queue = :queue
  ORDER BY rank, seq
  LIMIT :most + 1)
 ORDER BY 1, 4, 5, 8, 9
