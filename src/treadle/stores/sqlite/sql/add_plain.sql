-- What add.sql does, for jobs that have no unique key and no lane: each column less is a tenth of a microsecond a job.
INSERT INTO treadle_job
       (id, task, queue, args, state, priority, rank, max_attempts, reason, owner, batch, created_at, queued_at, due_at,
        expires_at, result_ttl, meta)
  WITH new (id, task, queue, args, priority, due_at, due_in, max_attempts, expires_in, result_ttl, owner, batch, held,
            meta, now) AS (VALUES {rows}),
       timed AS (SELECT *, coalesce(now + due_in, due_at) AS due FROM new)
SELECT id, task, queue, args,
       CASE WHEN held IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
       priority, now - priority * 60000, max_attempts, held, owner, batch, now, now, due,
       now + expires_in, result_ttl, meta
  FROM timed
 WHERE true
    ON CONFLICT DO NOTHING
