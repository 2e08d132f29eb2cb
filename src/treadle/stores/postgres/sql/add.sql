-- unnest gives its rows in the order of the arrays, and so the sequence numbers them: first come, first served.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
              CASE WHEN :wake THEN pg_notify(:channel, '') END AS told),
       added AS (
INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, priority, max_attempts, reason, owner, tenant, batch, unique_key,
        grip, unique_until, unique_for, created_at, queued_at, due_at, expires_at, result_ttl, meta, lane, costs)
SELECT key, name, task, queue, args,
       CASE WHEN held IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
       now - priority * 60000, priority, max_attempts, held, owner, tenant, batch, unique_key,
       CASE WHEN unique_key IS NULL THEN 0 ELSE 2 END, unique_until, unique_for,
       now, now, due, now + expires_in, result_ttl, meta, lane, costs
  FROM clock,
       unnest(:key::uuid[], :name::text[], :task::text[], :queue::text[], :args::text[], :priority::integer[],
              :due_at::bigint[], :due_in::bigint[], :max_attempts::integer[], :expires_in::bigint[], :result_ttl::bigint[],
              :owner::text[], :tenant::text[], :batch::text[], :unique_key::text[], :held::text[], :meta::text[], :lane::text[],
              :costs::text[], :unique_until::text[], :unique_for::bigint[])
       AS row (key, name, task, queue, args, priority, due_at, due_in, max_attempts, expires_in, result_ttl, owner, tenant,
               batch, unique_key, held, meta, lane, costs, unique_until, unique_for),
       LATERAL (SELECT coalesce(now + due_in, due_at) AS due) AS timed
    ON CONFLICT DO NOTHING
RETURNING key, unique_key, state, queue, lane, rank, seq){arrive}
SELECT key, unique_key FROM added
