SELECT key, value FROM treadle_record WHERE kind = 'steer'
