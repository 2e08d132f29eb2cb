INSERT INTO treadle.record AS record (kind, key, value, version) VALUES (:kind, :key, :value, 1)
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = record.version + 1
RETURNING 1
