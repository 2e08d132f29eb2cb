-- After a settle: an epoch that is still ours on a job that no longer runs means that this ending was written.
SELECT ended.ref::text, ended.epoch
  FROM unnest(:ref::uuid[], :epoch::integer[]) AS ended (ref, epoch)
  JOIN treadle.job AS job ON job.key = ended.ref AND job.epoch = ended.epoch
 WHERE job.worker IS NULL
