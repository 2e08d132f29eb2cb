INSERT INTO treadle_log (job, epoch, lines)
SELECT seq, :epoch, :log
  FROM treadle_job
 WHERE seq = :ref AND epoch = :epoch AND state = 'running'
    ON CONFLICT (job, epoch) DO UPDATE SET lines = excluded.lines
