INSERT INTO treadle_worker (id, lease_until, seen_at, started_at, host, space, pid, born, queues, slots, details)
VALUES (:id, :now + :lease, :now, :now, :host, :space, :pid, :born, :queues, :slots, :details)
    ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until, seen_at = excluded.seen_at
