-- Under a share lock on the job: who takes it over meanwhile waits, so that no old epoch has the last word.
  WITH told AS MATERIALIZED (
       SELECT *
         FROM unnest(:ref::uuid[], :epoch::integer[], :done::bigint[], :total::bigint[], :failed::bigint[],
                     :note::text[], :log::text[]) AS row (ref, epoch, done, total, failed, note, log)),
       standing AS MATERIALIZED (
       SELECT job.key
         FROM told JOIN treadle.job AS job ON job.key = told.ref AND job.epoch = told.epoch
        WHERE job.worker IS NOT NULL
          FOR SHARE OF job),
       progressed AS (
       INSERT INTO treadle.progress AS progress (job, epoch, done, total, failed, note)
       SELECT ref, epoch, done, total, failed, note
         FROM told JOIN standing ON standing.key = told.ref
        WHERE done IS NOT NULL
           ON CONFLICT (job) DO UPDATE
          SET epoch = excluded.epoch, total = excluded.total, failed = excluded.failed, note = excluded.note,
              done = CASE WHEN progress.epoch = excluded.epoch THEN greatest(progress.done, excluded.done)
                          ELSE excluded.done END)
INSERT INTO treadle.log (job, epoch, lines)
SELECT ref, epoch, log
  FROM told JOIN standing ON standing.key = told.ref
 WHERE log IS NOT NULL
    ON CONFLICT (job, epoch) DO UPDATE SET lines = excluded.lines
