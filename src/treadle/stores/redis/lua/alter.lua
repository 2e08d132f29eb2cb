-- with: waiting, jobs
-- Move what waits to a queue, or give it a priority. ARGV: now, the queue (empty: as it is), the priority (empty: as
-- it is), ids. Answers woken queues, then the ids it applied to. Those who wait for each other in order keep their
-- priority.

local queue, priority, answer = ARGV[2] ~= '' and ARGV[2], tonumber(ARGV[3]), { 0 }

local function alter(id)
  local job = look(id)
  if not job or job.final then return false end
  local own = not (job.lane and is_ordered(read_lane(job.lane))) and priority or nil
  if not queue and not own then return false end
  local state = take(job)
  if not state then return false end
  if queue and queue ~= job.queue then
    if job.lane then renounce(id, job.lane) end
    job.spec[2] = queue
  end
  if own then job.spec[4] = own end
  keep_spec(job)
  keep(job)
  put(job, state)
  return true
end

for i = 4, #ARGV do
  if alter(ARGV[i]) then answer[#answer + 1] = ARGV[i] end
end
answer[1] = close_books()
return answer
