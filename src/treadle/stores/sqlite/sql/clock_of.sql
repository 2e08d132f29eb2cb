SELECT clock FROM treadle_line WHERE queue = :queue
