SELECT epoch, lines FROM treadle_log WHERE job = :ref ORDER BY epoch
