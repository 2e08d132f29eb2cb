UPDATE treadle_job
   SET due_at = coalesce(:now + :due_in, :due_at), expires_at = :now + :expires_in,
       state = CASE WHEN state = 'held' THEN 'held'
                    WHEN coalesce(:now + :due_in, :due_at) > :now THEN 'scheduled' ELSE 'queued' END
 WHERE seq = :ref
