-- When the next lane of these queues opens by itself.
SELECT min(next.until)
  FROM unnest(:queues::text[]) AS wanted (name)
 CROSS JOIN LATERAL (
       SELECT until FROM treadle.lane
        WHERE queue = wanted.name AND until IS NOT NULL
        ORDER BY until
        LIMIT 1) AS next
