INSERT INTO treadle_progress (job, epoch, done, total, failed, note)
VALUES (:ref, :epoch, :done, :total, :failed, :note)
