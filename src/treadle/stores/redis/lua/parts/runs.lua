-- Who runs what: run:<worker> is id -> stamp, "epoch attempt crashes started_at", and behind it " taken" where a
-- sweeper took it over, " stop" where it was asked to stop. The epoch makes each stamp of a job another.

local STOP = ' stop'

local function run_of(worker)
  return T .. ':run:' .. worker
end

local function stamp_of(epoch, attempt, crashes, started_at)
  return format('%d %d %d %d', epoch, attempt, crashes, started_at)
end

local function read_stamp(stamp)
  local epoch, attempt, crashes, started_at, rest = stamp:match('^(%d+) (%d+) (%d+) (%d+)(.*)$')
  return {
    epoch = tonumber(epoch), attempt = tonumber(attempt), crashes = tonumber(crashes),
    started_at = tonumber(started_at),
    taken = rest:find('taken', 1, true) ~= nil, stop = rest:find('stop', 1, true) ~= nil,
  }
end

-- `stamp` is what its claim was given; whether it was asked to stop meanwhile does not matter.
local function is_current(own, stamp)
  return own == stamp or own == stamp .. STOP
end

local function workers()
  return call('ZRANGE', T .. ':workers', 0, -1)
end

-- Who holds this job under which stamp, most likely this one; nil: nobody runs it.
local function holder(id, likely)
  local own = call('HGET', run_of(likely), id)
  if own then return likely, own end
  for _, worker in ipairs(workers()) do
    own = call('HGET', run_of(worker), id)
    if own then return worker, own end
  end
end

-- The same for many: id -> {worker, stamp}.
local function holders(ids)
  local found = {}
  if #ids == 0 then return found end
  for _, worker in ipairs(workers()) do
    for i, own in ipairs(answers(ids, 'HMGET', run_of(worker))) do
      if own then found[ids[i]] = { worker, own } end
    end
  end
  return found
end

-- Whether anybody holds this job under this stamp.
local function is_held(id, stamp)
  local run = holders({ id })[id]
  return run and is_current(run[2], stamp)
end

local function has_lease(worker)
  return tonumber(call('ZSCORE', T .. ':workers', worker) or 0) > now
end
