DELETE FROM treadle_job
 WHERE id IN (SELECT value FROM json_each(:ids)) AND (state = 'held' OR finished_at IS NOT NULL)
RETURNING seq, id
