SELECT lease_until > :now FROM treadle_worker WHERE id = :worker
