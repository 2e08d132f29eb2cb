-- with: jobs, reports, cycling
-- Endings of every kind but plain completions.

-- The rest is known in here alone, for Lua has room for two hundred names.
local settle_all
do

-- 151: an array of seven.
local function remember(id, run, ending, error)
  local key = T .. ':tries:' .. id
  call('RPUSH', key, '\151' .. cmsgpack.pack(run.attempt, run.epoch, worker, run.started_at, now, ending, error))
  call('LTRIM', key, -REMEMBERED, -1)
end

local function settle(id, stamp, state, reason, error, due_in, given_back, crashed, way)
  local who, own = held_under(id, stamp)
  if not who then return end
  local job, run = look(id), read_stamp(own)
  call('HDEL', run_of(who), id)
  count(job.queue, 'running', -1)
  remember(id, run, reason or state, error)
  job.attempt, job.epoch, job.crashes = run.attempt - given_back, run.epoch, run.crashes + crashed
  job.started_at, job.reason, job.error = run.started_at, reason, error
  if state == 'scheduled' then job.due_at = now + due_in end
  if state == 'queued' then job.queued_at = now end
  if LETTER[state] then
    finish(job, state, reason)
  elseif run.stop then
    finish(job, 'cancelled')  -- a cancel was answered while the attempt ran; its ending would have brought it back
  else
    -- Who has the turn in an order goes first when it comes back, whoever has come meanwhile: nobody else is let in.
    if job.lane and job.lane:find('["order",', 2, true) then job.since = 0 end
    keep(job)
    put(job, state)
  end
  if note_ended then note_ended(id, way, job.final ~= nil) end
end

function settle_all()
  keep_reports(worker, reports)
  complete_all()
  for _, ending in ipairs(others) do settle(unpack(ending, 1, 9)) end
end

end
