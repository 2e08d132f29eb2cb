INSERT INTO treadle_line (queue, clock) VALUES (:queue, :clock)
    ON CONFLICT (queue) DO UPDATE SET clock = max(treadle_line.clock, excluded.clock)
