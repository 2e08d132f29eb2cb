-- What a claim must know first: has the worker a lease, has somebody an open lane, will a lane open, is anything steered
-- that jobs without a lane belong to?
SELECT (SELECT lease_until > :now FROM treadle_worker WHERE id = :worker),
       EXISTS (SELECT 1 FROM treadle_turn WHERE open = 1 AND queue IN (SELECT value FROM json_each(:queues))),
       (SELECT min(first.until)
          FROM (SELECT (SELECT min(until) FROM treadle_lane WHERE queue = wanted.value AND until IS NOT NULL) AS until
                  FROM json_each(:queues) AS wanted) AS first),
       EXISTS (SELECT 1 FROM treadle_record
                WHERE kind = 'steer' AND (key >= 'queue=' AND key < 'queue>' OR key >= 'task=' AND key < 'task>'))
