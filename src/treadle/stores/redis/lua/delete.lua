-- with: waiting, jobs
-- Delete what is held or final. ARGV: now, '' or the instant by which it must have ended, ids. Answers the ids it
-- applied to.

local gone, ended, answer, ended_by = {}, {}, {}, tonumber(ARGV[2])

local function take_held(job)
  if ended_by or call('HEXISTS', T .. ':held', job.id) == 0 then return false end
  take(job)
  if job.lane then renounce(job.id, job.lane) end
  return true
end

local function may_go(job)
  if job.final then return not ended_by or job.finished_at <= ended_by end
  return take_held(job)
end

for i = 3, #ARGV do
  local job = look(ARGV[i])
  if job and may_go(job) then
    if job.final then ended[#ended + 1] = job end
    gone[#gone + 1], answer[#answer + 1] = job, job.id
  end
end
unfinish(ended)
forget(gone)
close_books()
return answer
