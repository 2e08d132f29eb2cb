SELECT paid FROM treadle_turn WHERE queue = :queue AND tenant = :tenant
