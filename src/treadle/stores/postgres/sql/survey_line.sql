SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now,
       coalesce((SELECT clock FROM treadle.line WHERE queue = :queue), 0) AS clock,
       ARRAY (SELECT key FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS targets,
       ARRAY (SELECT value FROM treadle.record WHERE kind = 'steer' ORDER BY key) AS steers
