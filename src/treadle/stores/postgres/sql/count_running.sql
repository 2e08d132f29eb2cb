SELECT asked.target, (
       SELECT count(*) FROM treadle.job
        WHERE state = 'running'
          AND CASE asked.kind WHEN 'queue' THEN queue = asked.name WHEN 'task' THEN task = asked.name
                              ELSE CASE WHEN lane IS NULL THEN tenant ELSE lane::json->>1 END = asked.name END)
  FROM unnest(:targets::text[], :kinds::text[], :names::text[]) AS asked (target, kind, name)
