UPDATE treadle_job SET held_key = NULL WHERE seq = :ref
