UPDATE treadle_job
   SET state = :state, reason = :reason, error = :error, attempt = attempt - :given_back, crashes = crashes + :crashed,
       worker = NULL, due_at = coalesce(:due_at, due_at), queued_at = coalesce(:queued_at, queued_at), finished_at = :finished_at
 WHERE seq = :ref AND epoch = :epoch AND state = 'running'
