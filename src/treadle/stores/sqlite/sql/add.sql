-- It begins with INSERT, for Python's driver opens a transaction only before a statement that does (enlisted callers).
-- WHERE true tells SQLite's parser that ON CONFLICT is not a join's ON.
INSERT INTO treadle_job
       (id, task, queue, args, state, priority, rank, max_attempts, reason, owner, tenant, batch, unique_key, held_key,
        created_at, queued_at, due_at, expires_at, result_ttl, meta, lane, costs, unique_until, unique_for,
        lane_hash)
  WITH new (id, task, queue, args, priority, due_at, due_in, max_attempts, expires_in, result_ttl, owner, tenant,
            batch, unique_key, held, meta, lane, costs, unique_until, unique_for, lane_hash, now) AS (VALUES {rows}),
       timed AS (SELECT *, coalesce(now + due_in, due_at) AS due FROM new)
SELECT id, task, queue, args,
       CASE WHEN held IS NOT NULL THEN 'held' WHEN due > now THEN 'scheduled' ELSE 'queued' END,
       priority, now - priority * 60000, max_attempts, held, owner, tenant, batch, unique_key, unique_key,
       now, now, due, now + expires_in, result_ttl, meta, lane, costs, unique_until, unique_for,
       lane_hash
  FROM timed
 WHERE true
    ON CONFLICT DO NOTHING
