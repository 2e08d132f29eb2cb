SELECT coalesce(name, key::text), queue, task, tenant, lane FROM treadle.job WHERE state = 'running' LIMIT :most
