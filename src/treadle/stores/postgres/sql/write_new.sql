INSERT INTO treadle.record (kind, key, value, version) VALUES (:kind, :key, :value, 1) ON CONFLICT DO NOTHING RETURNING 1
