-- The same as add_alike.sql for ids that nobody can have yet, without lanes: a conflict is an error, and then the others are asked.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
              CASE WHEN :wake THEN pg_notify(:channel, '') END AS told),
       kind AS MATERIALIZED (
       SELECT now, due,
              CASE WHEN :held::text IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END AS state
         FROM clock, LATERAL (SELECT coalesce(now + :due_in::bigint, :due_at::bigint) AS due) AS timed)
INSERT INTO treadle.job
       (key, task, queue, args, state, rank, priority, max_attempts, reason, owner, tenant, batch, unique_until,
        unique_for, created_at, queued_at, due_at, expires_at, result_ttl, meta)
SELECT row.key, :task::text, :queue::text, row.args, state, now - :priority::bigint * 60000, :priority::bigint,
       :max_attempts::integer, :held::text, :owner::text, :tenant::text, :batch::text, :unique_until::text,
       :unique_for::bigint, now, now, due, now + :expires_in::bigint, :result_ttl::bigint, :meta::text
  FROM kind, unnest(:key::uuid[], :args::text[]) AS row (key, args)
