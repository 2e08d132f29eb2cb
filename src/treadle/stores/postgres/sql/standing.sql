-- Who stands for newcomers: the equal id or who holds the unique key, and whether its time with that is over.
SELECT new.place, coalesce(same.id, holder.id) AS standing, same.id IS NULL AND holder.id IS NOT NULL AS by_key,
       coalesce(same.id IS NULL AND holder.over, false) AS over
  FROM unnest(:key::uuid[], :name::text[], :unique_key::text[]) WITH ORDINALITY AS new (key, name, unique_key, place)
 CROSS JOIN (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now) AS clock
 CROSS JOIN LATERAL (
       SELECT coalesce((SELECT key::text FROM treadle.job WHERE key = new.key AND name IS NULL),
                       (SELECT name FROM treadle.job WHERE name = new.name)) AS id) AS same
  LEFT JOIN LATERAL (
       SELECT coalesce(name, key::text) AS id, grip = 1 AND created_at + unique_for <= clock.now AS over
         FROM treadle.job
        WHERE unique_key = new.unique_key AND grip > 0
       OFFSET 0) AS holder ON true
