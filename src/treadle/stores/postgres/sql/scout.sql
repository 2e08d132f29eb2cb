-- Where the first job of each queue is, and how many seconds it took to find that out.
SELECT wanted.queue, first.rank, first.seq,
       extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 AS took
  FROM unnest(:queues::text[]) AS wanted (queue)
  LEFT JOIN LATERAL (
       SELECT job.rank, job.seq
         FROM treadle.job AS job
        WHERE job.state = 'queued' AND job.lane IS NULL AND job.queue = wanted.queue
        ORDER BY job.rank, job.seq
        LIMIT 1) AS first ON true
