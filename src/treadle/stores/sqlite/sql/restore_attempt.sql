INSERT INTO treadle_attempt (job, epoch, number, worker, started_at, ended_at, ending, error)
VALUES (:ref, :epoch, :number, :worker, :started_at, :ended_at, :ending, :error)
