-- OFFSET 0: each is looked up by itself; else the planner may read all attempts to join them with these few.
DELETE FROM treadle.attempt
 WHERE ctid = ANY (ARRAY (
       SELECT found.place
         FROM unnest(:ref::uuid[], :oldest::integer[]) AS old (ref, oldest)
        CROSS JOIN LATERAL (
              SELECT ctid AS place FROM treadle.attempt WHERE job = old.ref AND epoch <= old.oldest OFFSET 0) AS found))
