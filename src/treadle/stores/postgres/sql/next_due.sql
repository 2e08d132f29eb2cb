  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
SELECT (SELECT min(due_at) FROM treadle.job WHERE state = 'scheduled') - clock.now FROM clock
