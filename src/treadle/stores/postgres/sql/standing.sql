SELECT new.place, coalesce(
       (SELECT id FROM treadle.job WHERE id = new.id),
       (SELECT id FROM treadle.job WHERE unique_key = new.unique_key AND finished_at IS NULL)) AS standing
  FROM unnest(:id::text[], :unique_key::text[]) WITH ORDINALITY AS new (id, unique_key, place)
