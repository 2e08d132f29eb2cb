-- with: waiting, runs, jobs
-- Cancel what waits, ask what runs to stop. ARGV: now, ids. Answers the ids it applied to.

local ids, applied = { unpack(ARGV, 2) }, {}
local running = holders(ids)

local function ask_to_stop(id, run)
  local worker, stamp = run[1], run[2]
  if not read_stamp(stamp).stop then call('HSET', run_of(worker), id, stamp .. STOP) end
  return true
end

local function cancel(id)
  local job = look(id)
  if not job or not take(job) then return false end
  finish_waiting(job, 'cancelled')
  return true
end

for _, id in ipairs(ids) do
  local run = running[id]
  if run and ask_to_stop(id, run) or not run and cancel(id) then applied[#applied + 1] = id end
end
close_books()
return applied
