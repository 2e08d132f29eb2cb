SELECT id, queue, task, tenant, lane FROM treadle_job WHERE state = 'running' LIMIT :limit
