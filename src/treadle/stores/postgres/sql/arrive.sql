-- Part of add.sql, add_alike.sql and restore.sql: leave word of each lane in which somebody waits now.
,
       arrived AS (
       INSERT INTO treadle.arrival (queue, lane, tenant, rank, seq)
       SELECT DISTINCT ON (queue, lane) queue, lane, lane::json->>1, rank, seq
         FROM added
        WHERE state = 'queued' AND lane IS NOT NULL
        ORDER BY queue, lane, rank, seq)
