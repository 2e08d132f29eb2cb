DELETE FROM treadle.attempt AS attempt
 USING unnest(:ref::uuid[], :oldest::integer[]) AS old (ref, oldest)
 WHERE attempt.job = old.ref AND attempt.epoch <= old.oldest
