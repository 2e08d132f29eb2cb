-- After a settle: an epoch that is still ours on a job that no longer runs means that this ending was written.
SELECT 1 FROM treadle_job WHERE seq = :ref AND epoch = :epoch AND state <> 'running'
