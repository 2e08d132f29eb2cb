SELECT min(due_at) FROM treadle_job WHERE state = 'scheduled'
