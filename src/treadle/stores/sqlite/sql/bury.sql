UPDATE treadle_worker SET lease_until = 0 WHERE id IN (SELECT value FROM json_each(:ids))
