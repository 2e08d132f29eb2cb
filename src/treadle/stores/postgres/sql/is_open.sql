SELECT EXISTS (
       SELECT 1 FROM unnest(:queues::text[]) AS wanted (name)
        WHERE EXISTS (SELECT 1 FROM treadle.turn WHERE queue = wanted.name AND open OFFSET 0))
