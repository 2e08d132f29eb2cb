-- The same as add.sql for jobs that differ in id and arguments only, as those of one call mostly do.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
              CASE WHEN :wake THEN pg_notify(:channel, '') END AS told),
       kind AS MATERIALIZED (
       SELECT now, due,
              CASE WHEN :held::text IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END AS state
         FROM clock, LATERAL (SELECT coalesce(now + :due_in::bigint, :due_at::bigint) AS due) AS timed)
INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, max_attempts, reason, owner, tenant, batch, unique_key,
        created_at, queued_at, due_at, expires_at, result_ttl, meta)
SELECT row.key, row.name, :task::text, :queue::text, row.args, state, -:priority::integer, :max_attempts::integer, :held::text,
       :owner::text, :tenant::text, :batch::text, :unique_key::text, now, now, due, now + :expires_in::bigint,
       :result_ttl::bigint, :meta::text
  FROM kind, unnest(:key::uuid[], :name::text[], :args::text[]) AS row (key, name, args)
    ON CONFLICT DO NOTHING
RETURNING key, unique_key
