SELECT id FROM treadle_job WHERE id = :id
 UNION ALL
SELECT id FROM treadle_job WHERE unique_key = :unique_key AND finished_at IS NULL
 LIMIT 1
