  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
       clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       beaten AS (
       INSERT INTO treadle.worker (id, lease_until, seen_at, started_at, host, space, pid, born, queues, slots, details)
       SELECT :id::text, now + :lease::bigint, now, now, :host::text, :space::text, :pid::bigint, :born::text,
              :queues::text, :slots::integer, :details::text
         FROM clock, relaxed
           ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until, seen_at = excluded.seen_at)
SELECT coalesce(name, key::text) AS id, cancel FROM treadle.job WHERE worker = :id AND state = 'running'
