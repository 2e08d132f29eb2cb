-- with: waiting, jobs
-- Queue, or schedule, at most so many that are held for a reason. ARGV: now, reason, limit, "any" or "of", tasks.
-- Answers woken queues and how many it applied to.

local reason, left = ARGV[2], tonumber(ARGV[3])
local released = 0

-- The shelves that are asked for; there are few, also where many tasks are named.
local function shelves()
  local all = call('SMEMBERS', T .. ':shelves')
  local asked, found = {}, {}
  for i = 5, #ARGV do asked[shelf(reason, ARGV[i])] = true end
  local head = shelf(reason, '')
  for _, name in ipairs(all) do
    if asked[name] or ARGV[4] == 'any' and name:sub(1, #head) == head then found[#found + 1] = name end
  end
  return found
end

local function release(id)
  local job = look(id)
  take(job)
  job.reason = nil
  local later = job.due_at and job.due_at > now
  if not later then job.queued_at = now end
  keep(job)
  put(job, later and 'scheduled' or 'queued')
end

for _, name in ipairs(shelves()) do
  local ids = left > 0 and call('SRANDMEMBER', T .. ':held:' .. name, left) or {}
  for _, id in ipairs(ids) do release(id) end
  left, released = left - #ids, released + #ids
end
return { close_books(), released }
