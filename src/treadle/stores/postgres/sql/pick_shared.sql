-- Part of cycle.sql and claim.sql: as pick_many.sql, but so many of each queue go before those of the others.
ahead AS MATERIALIZED (
       SELECT next.place
         FROM unnest(:queues::text[], :ranks::bigint[], :seqs::bigint[], :shares::integer[])
              AS wanted (queue, rank, seq, share)
        CROSS JOIN LATERAL (
              SELECT job.rank, job.seq, job.ctid AS place,
                     coalesce(row_number() OVER (ORDER BY job.rank, job.seq) > wanted.share, false) AS late
                FROM treadle.job AS job
               WHERE job.state = 'queued' AND job.lane IS NULL AND job.queue = wanted.queue
                 AND (job.rank, job.seq) > (wanted.rank, wanted.seq)
               ORDER BY job.rank, job.seq
               LIMIT {window}) AS next
        WHERE (SELECT held AND NOT there FROM lease, flow)
        ORDER BY next.late, next.rank, next.seq
        LIMIT {window}),
       picked AS MATERIALIZED (
       SELECT ctid AS place, clock_timestamp() AS found
         FROM treadle.job
        WHERE ctid = ANY (ARRAY (SELECT place FROM ahead)) AND state || '' = 'queued'
        ORDER BY array_position(ARRAY (SELECT place FROM ahead), ctid)
        LIMIT :want
          FOR UPDATE SKIP LOCKED)
