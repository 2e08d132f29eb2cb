INSERT INTO treadle.job
       (key, name, task, queue, args, state, rank, attempt, max_attempts, epoch, crashes, reason, outcome, result, error,
        owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
        result_ttl, result_until, meta)
SELECT key, name, task, queue, args, state, -priority, attempt, max_attempts, epoch, crashes, reason, outcome, result,
       error, owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
       result_ttl, result_until, meta
  FROM unnest(:key::uuid[], :name::text[], :task::text[], :queue::text[], :args::text[], :state::text[],
              :priority::integer[], :attempt::integer[], :max_attempts::integer[], :epoch::integer[], :crashes::integer[], :reason::text[],
              :outcome::text[], :result::text[], :error::text[], :owner::text[], :tenant::text[], :batch::text[],
              :unique_key::text[], :created_at::bigint[], :queued_at::bigint[], :due_at::bigint[],
              :expires_at::bigint[], :started_at::bigint[], :finished_at::bigint[], :result_ttl::bigint[],
              :result_until::bigint[], :meta::text[]) WITH ORDINALITY
       AS row (key, name, task, queue, args, state, priority, attempt, max_attempts, epoch, crashes, reason, outcome,
               result, error, owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at,
               finished_at, result_ttl, result_until, meta, place)
 ORDER BY place
    ON CONFLICT DO NOTHING
RETURNING key::text
