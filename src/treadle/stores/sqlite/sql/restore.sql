INSERT INTO treadle_job
       (id, task, queue, args, state, priority, attempt, max_attempts, epoch, crashes, reason, outcome, result, error,
        owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
        result_ttl, result_until, meta)
VALUES (:id, :task, :queue, :args, :state, :priority, :attempt, :max_attempts, :epoch, :crashes, :reason, :outcome,
        :result, :error, :owner, :tenant, :batch, :unique_key, :created_at, :queued_at, :due_at, :expires_at,
        :started_at, :finished_at, :result_ttl, :result_until, :meta)
    ON CONFLICT DO NOTHING
RETURNING seq
