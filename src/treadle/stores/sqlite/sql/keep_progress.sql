INSERT INTO treadle_progress (job, epoch, done, total, failed, note)
SELECT seq, :epoch, :done, :total, :failed, :note
  FROM treadle_job
 WHERE seq = :ref AND epoch = :epoch AND state = 'running'
    ON CONFLICT (job) DO UPDATE
   SET epoch = excluded.epoch,
       done = CASE WHEN treadle_progress.epoch = excluded.epoch THEN max(treadle_progress.done, excluded.done)
                   ELSE excluded.done END,
       total = excluded.total, failed = excluded.failed, note = excluded.note
