-- Part of cycle.sql and claim.sql: the head of one queue, behind (:rank, :seq).
ahead AS (SELECT WHERE false),
       picked AS MATERIALIZED (
       SELECT ctid AS place, clock_timestamp() AS found
         FROM treadle.job
        WHERE state = 'queued' AND lane IS NULL AND queue = :queue AND (rank, seq) > (:rank, :seq) AND (SELECT held AND NOT there FROM lease, flow)
        ORDER BY rank, seq
        LIMIT :want
          FOR UPDATE SKIP LOCKED)
