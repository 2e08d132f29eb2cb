-- with: waiting, jobs
-- Delete what is held or final. ARGV: now, ids. Answers the ids it applied to.

local gone, ended, answer = {}, {}, {}

local function take_held(job)
  if call('HEXISTS', T .. ':held', job.id) == 0 then return false end
  take(job)
  if job.lane then renounce(job.id, job.lane) end
  return true
end

for i = 2, #ARGV do
  local job = look(ARGV[i])
  if job and (job.final or take_held(job)) then
    if job.final then ended[#ended + 1] = job end
    gone[#gone + 1], answer[#answer + 1] = job, job.id
  end
end
unfinish(ended)
forget(gone)
close_books()
return answer
