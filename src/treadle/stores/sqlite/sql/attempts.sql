SELECT number, epoch, worker, started_at, ended_at, ending, error FROM treadle_attempt WHERE job = :ref ORDER BY epoch
