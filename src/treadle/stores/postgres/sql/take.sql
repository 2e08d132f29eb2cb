-- Claim what was chosen, and write all that follows from it: standings, lanes, turns, clocks. If one of the jobs is gone or
-- held by somebody since it was looked at, nothing but the claims is written.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       picked AS MATERIALIZED (
       SELECT ctid AS place
         FROM treadle.job
        WHERE ctid = ANY (ARRAY (SELECT unnest(:spots::text::tid[]))) AND state || '' = 'queued'
          AND seq = ANY (ARRAY (SELECT unnest(:seqs::text::bigint[])))
          FOR UPDATE SKIP LOCKED),
       claimed AS (
       UPDATE treadle.job AS job
          SET state = 'running', worker = :worker, attempt = job.attempt + 1, epoch = job.epoch + 1,
              started_at = clock.now, taken = false, reason = NULL,
              grip = CASE WHEN job.grip = 2 AND job.unique_until = 'started' THEN (job.unique_for IS NOT NULL)::integer
                          ELSE job.grip END
         FROM clock
        WHERE job.ctid = ANY (ARRAY (SELECT place FROM picked))
       RETURNING job.seq AS place, job.key::text AS ref, coalesce(job.name, job.key::text) AS id, job.task, job.queue, job.args,
                 job.priority, job.attempt, job.max_attempts, job.epoch, job.crashes, job.queued_at, job.expires_at,
                 job.result_ttl, job.owner, job.tenant, job.batch, job.meta, job.lane, job.costs, job.taken),
       whole AS MATERIALIZED (SELECT count(*) = cardinality(:seqs::text::bigint[]) AS so FROM claimed),
       new AS MATERIALIZED (
       SELECT key, name, used, mark, coalesce(until, 0) AS until, coalesce(spacing, 0) AS spacing,
              coalesce(spaced_until, 0) AS spaced_until, coalesce(holder, '') AS holder, idle_at
         FROM unnest(:keys::text::uuid[], :names::text[], :used::text::bigint[], :mark::text::bigint[],
                     :until::text::bigint[], :spacing::text::bigint[], :spaced_until::text::bigint[], :holder::text[],
                     :idle_at::text::bigint[])
              AS row (key, name, used, mark, until, spacing, spaced_until, holder, idle_at)),
       stood AS (
       UPDATE treadle.standing AS standing
          SET used = new.used, mark = new.mark, until = new.until, spacing = new.spacing,
              spaced_until = new.spaced_until, holder = new.holder, idle_at = new.idle_at
         FROM new
        WHERE standing.key = new.key AND (SELECT so FROM whole)
       RETURNING standing.key),
       begun AS (
       INSERT INTO treadle.standing (key, name, used, mark, until, spacing, spaced_until, holder, idle_at)
       SELECT key, name, used, mark, until, spacing, spaced_until, holder, idle_at
         FROM new
        WHERE name IS NOT NULL AND key NOT IN (SELECT key FROM stood) AND (SELECT so FROM whole)),
       moved AS (
       UPDATE treadle.lane AS lane
          SET gate = new.gate, until = new.until, rank = new.rank, seq = new.seq
         FROM unnest(:lanes::text::tid[], :ranks::text::bigint[], :lane_seqs::text::bigint[], :gates::text[],
                     :untils::text::bigint[])
              AS new (spot, rank, seq, gate, until)
        WHERE lane.ctid = new.spot AND (SELECT so FROM whole)),
       emptied AS (
       DELETE FROM treadle.lane WHERE ctid = ANY (ARRAY (SELECT unnest(:emptied::text::tid[]))) AND (SELECT so FROM whole)),
       paid AS (
       INSERT INTO treadle.turn AS turn (queue, tenant, paid, open)
       SELECT *
         FROM unnest(:turn_queues::text[], :turn_tenants::text[], :turns_paid::text::bigint[], :turns_open::boolean[])
              AS new (queue, tenant, paid, open)
        WHERE (SELECT so FROM whole)
           ON CONFLICT (queue, tenant) DO UPDATE SET paid = excluded.paid, open = excluded.open),
       clocked AS (
       INSERT INTO treadle.line AS line (queue, clock)
       SELECT * FROM unnest(:clock_queues::text[], :clocks::text::bigint[]) AS new (queue, clock)
        WHERE (SELECT so FROM whole)
           ON CONFLICT (queue) DO UPDATE SET clock = greatest(line.clock, excluded.clock))
SELECT * FROM claimed
