INSERT INTO treadle_job
       (id, task, queue, args, state, priority, attempt, max_attempts, epoch, crashes, reason, outcome, result, error,
        owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at, finished_at,
        result_ttl, result_until, meta, lane, costs, unique_until, unique_for, rank, held_key, grip, lane_hash)
VALUES (:id, :task, :queue, :args, :state, :priority, :attempt, :max_attempts, :epoch, :crashes, :reason, :outcome,
        :result, :error, :owner, :tenant, :batch, :unique_key, :created_at, :queued_at, :due_at, :expires_at,
        :started_at, :finished_at, :result_ttl, :result_until, :meta, :lane, :costs, :unique_until, :unique_for,
        :created_at - :priority * 60000,
        CASE WHEN :finished_at IS NULL AND (:unique_until = 'final' OR :started_at IS NULL) THEN :unique_key
             WHEN :unique_for IS NOT NULL AND NOT EXISTS (SELECT 1 FROM treadle_job WHERE held_key = :unique_key)
             THEN :unique_key END,
        CASE WHEN :finished_at IS NULL AND (:unique_until = 'final' OR :started_at IS NULL) THEN 2 ELSE 1 END, :lane_hash)
    ON CONFLICT DO NOTHING
RETURNING seq
