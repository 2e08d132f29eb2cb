-- Who stands for a newcomer, and whether it keeps the unique key yet.
SELECT id, seq, state, true AS by_id, true AS keeps FROM treadle_job WHERE id = :id
 UNION ALL
SELECT id, seq, state, false,
       grip = 2 OR created_at + coalesce(unique_for, 0) > :now
  FROM treadle_job WHERE held_key = :unique_key
 LIMIT 1
