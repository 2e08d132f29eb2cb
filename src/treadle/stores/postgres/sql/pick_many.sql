-- Part of cycle.sql and claim.sql: the best of several queues. The window ahead is looked through without locks, and is
-- wider than what is wanted, so that those who claim at the same time do not stand in each other's way.
ahead AS MATERIALIZED (
       SELECT next.key
         FROM unnest(:queues::text[], :ranks::integer[], :seqs::bigint[]) AS wanted (queue, rank, seq)
        CROSS JOIN LATERAL (
              SELECT job.rank, job.seq, job.key
                FROM treadle.job AS job
               WHERE job.state = 'queued' AND job.queue = wanted.queue
                 AND (job.rank, job.seq) > (wanted.rank, wanted.seq)
               ORDER BY job.rank, job.seq
               LIMIT {window}) AS next
        WHERE (SELECT held FROM lease)
        ORDER BY next.rank, next.seq
        LIMIT {window}),
       picked AS MATERIALIZED (
       SELECT ctid AS place
         FROM treadle.job
        WHERE key = ANY (ARRAY (SELECT key FROM ahead)) AND state = 'queued'
        ORDER BY rank, seq
        LIMIT :want
          FOR UPDATE SKIP LOCKED)
