SELECT id, cancel FROM treadle_job WHERE worker = :worker AND state = 'running'
