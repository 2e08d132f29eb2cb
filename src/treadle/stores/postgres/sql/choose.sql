-- Part of find.sql: in the order of the keys, as far as the limit.
SELECT job.key FROM treadle.job AS job WHERE {where} ORDER BY job.key {direction} LIMIT :limit
