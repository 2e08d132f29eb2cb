-- Any ending, with the last that its attempt had to tell: all of it or, where the claim is lost, nothing.
-- Who has the turn in an order goes first when it comes back, whoever has come meanwhile: nobody else is let in.
-- A cancel that was answered while the attempt ran ends the job that its ending would have brought back.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now),
       ended AS MATERIALIZED (
       SELECT *, state IN ('held', 'scheduled', 'queued') AS lives_on
         FROM unnest(:ref::uuid[], :epoch::integer[], :number::integer[], :state::text[], :reason::text[],
                     :outcome::text[], :result::text[], :error::text[], :given_back::integer[],
                     :crashed::integer[], :due_in::bigint[], :done::bigint[], :total::bigint[], :failed::bigint[],
                     :note::text[], :log::text[])
              AS row (ref, epoch, number, state, reason, outcome, result, error, given_back, crashed, due_in, done,
                      total, failed, note, log)),
       moved AS (
       UPDATE treadle.job AS job
          SET state = CASE WHEN job.cancel AND ended.lives_on THEN 'cancelled' ELSE ended.state END,
              reason = CASE WHEN job.cancel AND ended.lives_on THEN NULL ELSE ended.reason END,
              outcome = coalesce(ended.outcome, job.outcome), result = coalesce(ended.result, job.result),
              error = CASE WHEN ended.state = 'completed' THEN NULL ELSE ended.error END,
              attempt = job.attempt - ended.given_back, crashes = job.crashes + ended.crashed, worker = NULL,
              due_at = CASE WHEN ended.state = 'scheduled' THEN clock.now + ended.due_in ELSE job.due_at END,
              queued_at = CASE WHEN ended.state = 'queued' THEN clock.now ELSE job.queued_at END,
              rank = CASE WHEN ended.lives_on AND strpos(substr(job.lane, 2), '["order",') > 0 THEN -job.priority * 60000
                          ELSE job.rank END,
              finished_at = CASE WHEN job.cancel OR NOT ended.lives_on THEN clock.now END,
              result_until = CASE WHEN ended.result IS NOT NULL THEN clock.now + job.result_ttl END,
              grip = CASE WHEN job.cancel OR NOT ended.lives_on THEN least(job.grip, (job.unique_for IS NOT NULL)::integer)
                          ELSE job.grip END
         FROM clock, ended
        WHERE job.key = ended.ref AND job.epoch = ended.epoch AND job.worker IS NOT NULL
       RETURNING job.key, job.epoch, job.started_at, job.state),
       remembered AS (
       INSERT INTO treadle.attempt (job, epoch, number, worker, started_at, ended_at, ending, error)
       SELECT moved.key, moved.epoch, ended.number, :worker, moved.started_at, clock.now,
              coalesce(ended.reason, ended.state), ended.error
         FROM clock, moved JOIN ended ON ended.ref = moved.key
        WHERE ended.state <> 'completed'
           ON CONFLICT DO NOTHING),
       told AS (
       INSERT INTO treadle.progress AS progress (job, epoch, done, total, failed, note)
       SELECT moved.key, moved.epoch, ended.done, ended.total, ended.failed, ended.note
         FROM moved JOIN ended ON ended.ref = moved.key
        WHERE ended.done IS NOT NULL
           ON CONFLICT (job) DO UPDATE
          SET epoch = excluded.epoch, total = excluded.total, failed = excluded.failed, note = excluded.note,
              done = CASE WHEN progress.epoch = excluded.epoch THEN greatest(progress.done, excluded.done)
                          ELSE excluded.done END),
       logged AS (
       INSERT INTO treadle.log (job, epoch, lines)
       SELECT moved.key, moved.epoch, ended.log
         FROM moved JOIN ended ON ended.ref = moved.key
        WHERE ended.log IS NOT NULL
           ON CONFLICT (job, epoch) DO UPDATE SET lines = excluded.lines)
SELECT key::text, state FROM moved
 UNION ALL
SELECT NULL, CASE WHEN EXISTS (SELECT 1 FROM moved WHERE state = 'queued') THEN left(pg_notify(:channel, '')::text, 0) END
