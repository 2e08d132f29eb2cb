-- Before the settle, for only the ending that moves the job is one of its attempts.
INSERT INTO treadle_attempt (job, epoch, number, worker, started_at, ended_at, ending, error)
SELECT seq, epoch, :number, :worker, started_at, :now, :ending, :error
  FROM treadle_job
 WHERE seq = :ref AND epoch = :epoch AND state = 'running'
    ON CONFLICT DO NOTHING
