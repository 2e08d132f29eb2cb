INSERT INTO treadle.progress (job, epoch, done, total, failed, note)
SELECT *
  FROM unnest(:ref::uuid[], :epoch::integer[], :done::bigint[], :total::bigint[], :failed::bigint[], :note::text[])
