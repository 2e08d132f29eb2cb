-- unnest gives its rows in the order of the arrays, and so the sequence numbers them: first come, first served.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
              CASE WHEN :wake THEN pg_notify(:channel, '') END AS told)
INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, max_attempts, reason, owner, tenant, batch, unique_key,
        created_at, queued_at, due_at, expires_at, result_ttl, meta)
SELECT key, name, task, queue, args,
       CASE WHEN held IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
       -priority, max_attempts, held, owner, tenant, batch, unique_key,
       now, now, due, now + expires_in, result_ttl, meta
  FROM clock,
       unnest(:key::uuid[], :name::text[], :task::text[], :queue::text[], :args::text[], :priority::integer[],
              :due_at::bigint[], :due_in::bigint[], :max_attempts::integer[], :expires_in::bigint[], :result_ttl::bigint[],
              :owner::text[], :tenant::text[], :batch::text[], :unique_key::text[], :held::text[], :meta::text[])
       AS row (key, name, task, queue, args, priority, due_at, due_in, max_attempts, expires_in, result_ttl, owner, tenant,
               batch, unique_key, held, meta),
       LATERAL (SELECT coalesce(now + due_in, due_at) AS due) AS timed
    ON CONFLICT DO NOTHING
RETURNING key, unique_key
