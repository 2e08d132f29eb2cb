DELETE FROM treadle.standing WHERE key = :key::uuid
