SELECT 1 FROM treadle_job WHERE seq = :ref AND epoch = :epoch AND state = 'running'
