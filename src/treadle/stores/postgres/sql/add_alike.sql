-- The same as add.sql for jobs that differ in id and arguments only, as those of one call mostly do.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       kind AS MATERIALIZED (
       SELECT now, coalesce(now + :due_in::bigint, :due_at::bigint) AS due FROM clock),
       added AS (
       INSERT INTO treadle.job
              (id, task, queue, args, state, rank, max_attempts, reason, owner, tenant, batch, unique_key,
               created_at, queued_at, due_at, expires_at, result_ttl, meta)
       SELECT row.id, :task::text, :queue::text, row.args,
              CASE WHEN :held::text IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
              -:priority::integer, :max_attempts::integer, :held::text, :owner::text, :tenant::text, :batch::text,
              :unique_key::text, now, now, due, now + :expires_in::bigint, :result_ttl::bigint, :meta::text
         FROM kind, unnest(:id::text[], :args::text[]) WITH ORDINALITY AS row (id, args, place)
        ORDER BY row.place
           ON CONFLICT DO NOTHING
       RETURNING id, state)
SELECT id FROM added
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM added WHERE state = 'queued') THEN left(pg_notify(:channel, '')::text, 0) END
