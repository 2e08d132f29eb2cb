-- with: waiting, jobs
-- Keep aside what is scheduled or queued. ARGV: now, reason, ids. Answers the ids it applied to.

local reason, applied = ARGV[2], {}

local function hold(id)
  local job = look(id)
  if not job or call('HEXISTS', T .. ':held', id) == 1 or not take(job) then return false end
  job.reason = reason
  keep(job)
  put(job, 'held')
  return true
end

for i = 3, #ARGV do
  if hold(ARGV[i]) then applied[#applied + 1] = ARGV[i] end
end
close_books()
return applied
