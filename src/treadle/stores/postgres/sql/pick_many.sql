-- Part of cycle.sql and claim.sql: the best of several queues. The window ahead is looked through without locks, and is
-- wider than what is wanted, so that those who claim at the same time do not stand in each other's way.
--   state || ''          and not the state: a planner that was told of a moment in which nothing was queued would look
--                        for these few by reading all that is
ahead AS MATERIALIZED (
       SELECT next.place
         FROM unnest(:queues::text[], :ranks::bigint[], :seqs::bigint[]) AS wanted (queue, rank, seq)
        CROSS JOIN LATERAL (
              SELECT job.rank, job.seq, job.ctid AS place
                FROM treadle.job AS job
               WHERE job.state = 'queued' AND job.lane IS NULL AND job.queue = wanted.queue
                 AND (job.rank, job.seq) > (wanted.rank, wanted.seq)
               ORDER BY job.rank, job.seq
               LIMIT {window}) AS next
        WHERE (SELECT held AND NOT there FROM lease, flow)
        ORDER BY next.rank, next.seq
        LIMIT {window}),
       picked AS MATERIALIZED (
       SELECT ctid AS place, clock_timestamp() AS found
         FROM treadle.job
        WHERE ctid = ANY (ARRAY (SELECT place FROM ahead)) AND state || '' = 'queued'
        ORDER BY rank, seq
        LIMIT :want
          FOR UPDATE SKIP LOCKED)
