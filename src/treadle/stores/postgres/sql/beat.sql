-- Of what the worker holds, those that it is known to hold, by their keys.
--   worker = :id         and not the state: else a planner that was told of a moment in which nothing ran would read all
--                        that the worker holds, or held before somebody opened a transaction that is open still
--   ARRAY (…)            and not the list itself: if a planner sees that it is empty, any index does
  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
       clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       beaten AS (
       INSERT INTO treadle.worker (id, lease_until, seen_at, started_at, host, space, pid, born, queues, slots, details)
       SELECT :id::text, now + :lease::bigint, now, now, :host::text, :space::text, :pid::bigint, :born::text,
              :queues::text, :slots::integer, :details::text
         FROM clock, relaxed
           ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until, seen_at = excluded.seen_at)
SELECT key::text AS ref, epoch, coalesce(name, key::text) AS id, cancel
  FROM treadle.job
 WHERE key = ANY (ARRAY (SELECT unnest(:refs::uuid[]))) AND worker = :id
