UPDATE treadle.worker SET lease_until = 0 WHERE id = ANY (:ids::text[])
