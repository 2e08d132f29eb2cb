SELECT tenant, paid FROM treadle_turn WHERE queue = :queue AND open = 1 ORDER BY paid LIMIT :limit
