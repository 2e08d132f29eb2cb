-- with: waiting, jobs
-- Queue final jobs again with one attempt more. ARGV: now, ids. Answers woken queues, then the ids it applied to. Where
-- another live job holds its unique key by now, a job stays final.

local answer = { 0 }

local function revive(id)
  local job = look(id)
  if not job or not job.final then return false end
  if job.unique_key then
    if (holder_of(job.unique_key) or id) ~= id then return false end
    hold_key(id, job.unique_key, job.unique_until, key_till(job))
  end
  unfinish({ job })
  job.final, job.finished_at, job.reason, job.outcome, job.result, job.kept, job.expires_at = nil
  job.queued_at, job.crashes, job.max_attempts = now, 0, math.max(job.max_attempts, job.attempt + 1)
  job.since = now
  keep(job)
  put(job, 'queued')
  return true
end

for i = 2, #ARGV do
  if revive(ARGV[i]) then answer[#answer + 1] = ARGV[i] end
end
answer[1] = close_books()
return answer
