  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       added AS (
INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, priority, attempt, max_attempts, epoch, crashes, reason, outcome, result, error,
        owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
        result_ttl, result_until, meta, lane, costs, unique_until, unique_for, grip)
SELECT key, name, task, queue, args, state, created_at - priority * 60000, priority, attempt, max_attempts, epoch, crashes, reason, outcome, result,
       error, owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
       result_ttl, result_until, meta, lane, costs, unique_until, unique_for,
       CASE WHEN unique_key IS NULL THEN 0
            WHEN finished_at IS NULL AND (unique_until = 'final' OR epoch = 0) THEN 2
            WHEN created_at + unique_for > now THEN 1 ELSE 0 END
  FROM clock, unnest(:key::uuid[], :name::text[], :task::text[], :queue::text[], :args::text[], :state::text[],
              :priority::integer[], :attempt::integer[], :max_attempts::integer[], :epoch::integer[], :crashes::integer[], :reason::text[],
              :outcome::text[], :result::text[], :error::text[], :owner::text[], :tenant::text[], :batch::text[],
              :unique_key::text[], :created_at::bigint[], :queued_at::bigint[], :due_at::bigint[],
              :expires_at::bigint[], :started_at::bigint[], :finished_at::bigint[], :result_ttl::bigint[],
              :result_until::bigint[], :meta::text[], :lane::text[], :costs::text[],
              :unique_until::text[], :unique_for::bigint[]) WITH ORDINALITY
       AS row (key, name, task, queue, args, state, priority, attempt, max_attempts, epoch, crashes, reason, outcome,
               result, error, owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at,
               finished_at, result_ttl, result_until, meta, lane, costs, unique_until, unique_for, place)
 ORDER BY place
    ON CONFLICT DO NOTHING
RETURNING key, state, queue, lane, rank, seq){arrive}
SELECT key::text FROM added
