-- Who has the turn in an order goes first when it comes back, whoever has come meanwhile: nobody else is let in.
UPDATE treadle_job
   SET state = :state, reason = :reason, error = :error, attempt = attempt - :given_back, crashes = crashes + :crashed,
       worker = NULL, due_at = coalesce(:due_at, due_at), queued_at = coalesce(:queued_at, queued_at), finished_at = :finished_at,
       rank = CASE WHEN :finished_at IS NULL AND instr(substr(lane, 2), '["order",') > 0 THEN -priority * 60000 ELSE rank END
 WHERE seq = :ref AND epoch = :epoch AND state = 'running'
