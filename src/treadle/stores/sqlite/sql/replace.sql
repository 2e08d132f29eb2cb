-- Give a job that waits what a newcomer brought; its tenant too, for the lane says it.
UPDATE treadle_job
   SET args = :args, costs = :costs, lane = :lane, lane_hash = :lane_hash, tenant = :tenant, meta = :meta, max_attempts = max(:max_attempts, attempt + 1),
       rank = rank + (priority - :priority) * 60000, priority = :priority
 WHERE seq = :ref
