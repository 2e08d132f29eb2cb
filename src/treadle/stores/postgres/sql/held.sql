-- All that a worker holds, and how many seconds it took to find that out.
  WITH held AS MATERIALIZED (
       SELECT key::text AS ref, epoch, coalesce(name, key::text) AS id, cancel
         FROM treadle.job
        WHERE worker = :worker AND state = 'running'),
       looked AS MATERIALIZED (
       SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 AS took
         FROM (SELECT count(*) FROM held) AS counted)
SELECT looked.took, held.* FROM looked LEFT JOIN held ON true
