-- Locked, so that nobody takes the job over between the look and the commit.
  WITH current AS MATERIALIZED (
       SELECT 1 FROM treadle.job WHERE key = :ref::uuid AND epoch = :epoch AND worker IS NOT NULL FOR SHARE)
INSERT INTO treadle.record AS record (kind, key, value, version)
SELECT :kind, :key, :value, 1
  FROM current
 WHERE :expect::bigint = 0 OR EXISTS (SELECT 1 FROM treadle.record WHERE kind = :kind AND key = :key)
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = record.version + 1
 WHERE record.version = :expect
RETURNING 1
