-- Each final state and task of which there are jobs, with the first end: from one task to the next in the index, so how
-- many jobs each has costs nothing.
  WITH RECURSIVE final (state) AS (VALUES ('completed'), ('failed'), ('cancelled')),
       walked (state, task) AS (
       SELECT state, (SELECT min(job.task) FROM treadle_job AS job
                       WHERE job.state = final.state AND job.finished_at IS NOT NULL AND job.task >= '')
         FROM final
        UNION ALL
       SELECT state, (SELECT min(job.task) FROM treadle_job AS job
                       WHERE job.state = walked.state AND job.finished_at IS NOT NULL AND job.task > walked.task)
         FROM walked
        WHERE task IS NOT NULL)
SELECT state, task, (SELECT min(job.finished_at) FROM treadle_job AS job
                      WHERE job.state = walked.state AND job.task = walked.task AND job.finished_at IS NOT NULL)
  FROM walked
 WHERE task IS NOT NULL
