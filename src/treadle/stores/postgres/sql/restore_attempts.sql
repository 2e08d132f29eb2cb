INSERT INTO treadle.attempt (job, number, epoch, worker, started_at, ended_at, ending, error)
SELECT *
  FROM unnest(:ref::uuid[], :number::integer[], :epoch::integer[], :worker::text[], :started_at::bigint[],
              :ended_at::bigint[], :ending::text[], :error::text[])
