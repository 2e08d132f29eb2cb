SELECT job.queue, job.state, count(*) FROM treadle.job AS job WHERE {where} GROUP BY job.queue, job.state
