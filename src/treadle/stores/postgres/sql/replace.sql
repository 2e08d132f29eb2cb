-- Who waits under the unique key of a newcomer takes over from it what it brings; in `place` is who it is.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       new AS MATERIALIZED (
       SELECT *
         FROM unnest(:place::bigint[], :unique_key::text[], :args::text[], :costs::text[], :lane::text[],
                     :tenant::text[], :priority::integer[], :meta::text[], :max_attempts::integer[], :again::boolean[],
                     :due_at::bigint[], :due_in::bigint[], :expires_in::bigint[])
              AS row (place, unique_key, args, costs, lane, tenant, priority, meta, max_attempts, again, due_at,
                      due_in, expires_in)),
       standing AS MATERIALIZED (
       SELECT key FROM treadle.job
        WHERE unique_key = ANY (ARRAY (SELECT unique_key FROM new)) AND grip > 0
          AND state IN ('held', 'scheduled', 'queued')
        ORDER BY key
          FOR UPDATE),
       replaced AS (
       UPDATE treadle.job AS job
          SET args = new.args, costs = new.costs, lane = new.lane, tenant = new.tenant, meta = new.meta,
              max_attempts = greatest(new.max_attempts, job.attempt + 1), priority = new.priority,
              rank = job.rank - (new.priority - job.priority) * 60000,
              due_at = CASE WHEN again THEN due ELSE job.due_at END,
              expires_at = CASE WHEN again THEN clock.now + new.expires_in ELSE job.expires_at END,
              state = CASE WHEN NOT again OR job.state = 'held' THEN job.state
                           WHEN due > clock.now THEN 'scheduled' ELSE 'queued' END,
              queued_at = CASE WHEN again AND job.state = 'scheduled' AND NOT coalesce(due > clock.now, false)
                               THEN clock.now ELSE job.queued_at END
         FROM clock, new, LATERAL (SELECT coalesce(clock.now + new.due_in, new.due_at) AS due) AS timed
        WHERE job.key = ANY (ARRAY (SELECT key FROM standing)) AND job.unique_key = new.unique_key
       RETURNING new.place, job.state)
SELECT place FROM replaced
 UNION ALL
SELECT CASE WHEN EXISTS (SELECT 1 FROM replaced WHERE state = 'queued')
            THEN length(left(pg_notify(:channel, '')::text, 0)) END::bigint
