SELECT job.seq, job.id, job.task, job.queue, job.state, job.reason, job.outcome, job.args,
       CASE WHEN job.result_until IS NULL OR job.result_until > :now THEN job.result END AS result,
       job.error, job.priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.cancel, job.worker,
       job.owner, job.tenant, job.batch, job.unique_key, job.created_at, job.queued_at, job.due_at, job.expires_at,
       job.started_at, job.finished_at, job.result_until, job.result_ttl,
       job.meta, job.lane, job.costs, job.unique_until, job.unique_for,
       progress.done, progress.total, progress.failed, progress.note
  FROM treadle_job AS job
  LEFT JOIN treadle_progress AS progress ON progress.job = job.seq
 WHERE {where}
 ORDER BY job.seq {direction}
 LIMIT :limit
