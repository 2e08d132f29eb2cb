  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       new AS (
       SELECT row.*, clock.now, coalesce(clock.now + row.due_in, row.due_at) AS due
         FROM clock,
              unnest(:id::text[], :task::text[], :queue::text[], :args::text[], :priority::integer[],
                     :due_at::bigint[], :due_in::bigint[], :max_attempts::integer[], :expires_in::bigint[],
                     :result_ttl::bigint[], :owner::text[], :tenant::text[], :batch::text[],
                     :unique_key::text[], :held::text[], :meta::text[]) WITH ORDINALITY
              AS row (id, task, queue, args, priority, due_at, due_in, max_attempts, expires_in, result_ttl, owner,
                      tenant, batch, unique_key, held, meta, place)),
       added AS (
       INSERT INTO treadle.job
              (id, task, queue, args, state, rank, max_attempts, reason, owner, tenant, batch, unique_key,
               created_at, queued_at, due_at, expires_at, result_ttl, meta)
       SELECT id, task, queue, args,
              CASE WHEN held IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
              -priority, max_attempts, held, owner, tenant, batch, unique_key,
              now, now, due, now + expires_in, result_ttl, meta
         FROM new
        ORDER BY place
           ON CONFLICT DO NOTHING
       RETURNING id, state)
SELECT id FROM added
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM added WHERE state = 'queued') THEN left(pg_notify(:channel, '')::text, 0) END
