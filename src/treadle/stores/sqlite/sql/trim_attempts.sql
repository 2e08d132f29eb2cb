DELETE FROM treadle_attempt WHERE job = :ref AND epoch <= :oldest
