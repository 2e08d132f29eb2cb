-- The way that most jobs end, for many at once; it touches no more columns, hence no more indexes, than it must.
-- It begins with UPDATE for the same reason as add.sql with INSERT.
UPDATE treadle_job
   SET state = 'completed', worker = NULL, finished_at = ended.finished_at, reason = ended.reason,
       outcome = ended.outcome, result = ended.result, result_until = ended.result_until, error = NULL
  FROM (WITH row (ref, epoch, finished_at, reason, outcome, result, result_until) AS (VALUES {rows})
        SELECT * FROM row) AS ended
 WHERE treadle_job.seq = ended.ref AND treadle_job.epoch = ended.epoch AND treadle_job.state = 'running'
