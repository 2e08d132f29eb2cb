-- The same as add.sql for jobs that differ in id and arguments only, as those of one call mostly do.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
              CASE WHEN :wake THEN pg_notify(:channel, '') END AS told),
       kind AS MATERIALIZED (
       SELECT now, due,
              CASE WHEN :held::text IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END AS state
         FROM clock, LATERAL (SELECT coalesce(now + :due_in::bigint, :due_at::bigint) AS due) AS timed),
       added AS (
INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, priority, max_attempts, reason, owner, tenant, batch, unique_key,
        grip, unique_until, unique_for, created_at, queued_at, due_at, expires_at, result_ttl, meta, lane, costs)
SELECT row.key, row.name, :task::text, :queue::text, row.args, state, now - :priority::bigint * 60000,
       :priority::bigint, :max_attempts::integer, :held::text, :owner::text, :tenant::text, :batch::text,
       :unique_key::text, CASE WHEN :unique_key::text IS NULL THEN 0 ELSE 2 END, :unique_until::text,
       :unique_for::bigint, now, now, due, now + :expires_in::bigint, :result_ttl::bigint, :meta::text, :lane::text,
       :costs::text
  FROM kind, unnest(:key::uuid[], :name::text[], :args::text[]) AS row (key, name, args)
    ON CONFLICT DO NOTHING
RETURNING key, unique_key, state, queue, lane, rank, seq){arrive}
SELECT key, unique_key FROM added
