SELECT standing.id, standing.name, used, mark, until, spacing, spaced_until, holder
  FROM unnest(:names::text[]) AS asked (name)
 CROSS JOIN LATERAL (
       SELECT * FROM treadle.standing
        WHERE hashtextextended(standing.name, 0) = hashtextextended(asked.name, 0) AND standing.name = asked.name
       OFFSET 0) AS standing
