INSERT INTO treadle_record (kind, key, value, version) VALUES (:kind, :key, :value, 1)
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = treadle_record.version + 1
