INSERT INTO treadle_turn (queue, tenant, paid, open) VALUES (:queue, :tenant, :paid, 0)
    ON CONFLICT (queue, tenant) DO UPDATE SET paid = excluded.paid
