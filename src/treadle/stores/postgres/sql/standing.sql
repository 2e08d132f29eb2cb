SELECT new.place, coalesce(
       (SELECT key::text FROM treadle.job WHERE key = new.key AND name IS NULL),
       (SELECT name FROM treadle.job WHERE name = new.name),
       (SELECT coalesce(name, key::text) FROM treadle.job WHERE unique_key = new.unique_key AND finished_at IS NULL)
       ) AS standing
  FROM unnest(:key::uuid[], :name::text[], :unique_key::text[]) WITH ORDINALITY AS new (key, name, unique_key, place)
