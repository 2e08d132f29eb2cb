-- What says no more than nothing would: standings of gates at rest, turns of tenants who wait for nothing.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       rested AS (
       DELETE FROM treadle.standing
        WHERE key = ANY (ARRAY (SELECT key FROM treadle.standing WHERE key > :standing::uuid ORDER BY key LIMIT :most))
          AND idle_at <= (SELECT now FROM clock)),
       idle AS (
       DELETE FROM treadle.turn
        WHERE ctid = ANY (ARRAY (
              SELECT ctid FROM treadle.turn
               WHERE (queue, tenant) > (:queue::text, :tenant::text) ORDER BY queue, tenant LIMIT :most))
          AND NOT open AND paid <= coalesce((SELECT clock FROM treadle.line WHERE line.queue = turn.queue), 0))
SELECT 1
