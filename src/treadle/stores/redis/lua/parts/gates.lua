-- What is remembered of gates, and the moves of `core/flow/gates.py`, with the same numbers. A standing is a list:
-- used, mark, until, spacing, spaced until, holder, and the instant from which on it says no more than none would
-- (nil: not by itself). A gate of which nothing is remembered is at rest. Moves change a standing where it stands.

local PASSES, SHUT = 0, -1

-- name -> standing, as far as it was read; name -> the numbers of the gate, of those that have changed.
local standings, changed = {}, {}

-- The rest is known in here alone, for Lua has room for two hundred names.
local read_standing, look_up, standing_of, ask, enter, leave, adjust, park, idle_at
local add_idle, file_idle, write_standings
do

-- How a standing is written that is a rate's mark: "m".
local MARKED = 109

-- One that has nothing but jobs in it is written as their number; one that has nothing but a mark, as that.
function read_standing(told)
  if not told then return { 0, 0, 0, 0, 0, '' } end
  local used = tonumber(told)
  if used then return { used, 0, 0, 0, 0, '' } end
  if told:byte() ~= MARKED then return cmsgpack.unpack(told) end
  local mark = tonumber(told:sub(2))
  return { 0, mark, 0, 0, 0, '', math.ceil(mark / 1000) }
end

-- Read what is remembered of these, of which nothing was read before.
function look_up(unknown)
  for i, told in ipairs(answers(unknown, 'HMGET', T .. ':gates')) do standings[unknown[i]] = read_standing(told) end
end

function standing_of(name)
  if not standings[name] then look_up({ name }) end
  return standings[name]
end

-- The microseconds that an entry costs the bucket, and how far ahead of time it may be.
local function spaced(gate, standing, cost)
  local spacing, unit = standing[4], gate.period * 1000 / gate.limit
  local step = math.ceil(math.min(cost, gate.burst) * unit)
  if standing[5] > now and spacing > step then return spacing, spacing end
  return step, math.ceil(gate.burst * unit)
end

-- PASSES, SHUT, or the millisecond at which to ask again.
function ask(gate, standing, id, cost)
  local kind = gate.kind
  if standing[3] > now then return standing[3] end
  if kind == 'concurrency' then return standing[1] < gate.limit and PASSES or SHUT end
  if kind == 'rate' then
    if gate.limit <= 0 then return SHUT end
    local step, ahead = spaced(gate, standing, cost)
    local opens = math.max(now * 1000, standing[2]) + step - ahead
    if opens <= now * 1000 then return PASSES end
    local at = math.ceil(opens / 1000)
    return standing[5] > now and math.min(at, standing[5]) or at
  end
  if kind == 'order' then return (standing[6] == '' or standing[6] == id) and PASSES or SHUT end
  local window = math.floor(now / gate.period)
  local spent = standing[2] == window and standing[1] or 0
  return spent + cost <= gate.limit and PASSES or (window + 1) * gate.period
end

function enter(gate, standing, id, cost)
  local kind = gate.kind
  if kind == 'concurrency' then
    standing[1] = standing[1] + 1
  elseif kind == 'rate' then
    standing[2] = math.max(now * 1000, standing[2]) + spaced(gate, standing, cost)
  elseif kind == 'order' then
    standing[6] = id
  else
    local window = math.floor(now / gate.period)
    standing[1], standing[2] = (standing[2] == window and standing[1] or 0) + cost, window
  end
end

-- Let a job out; answer whether that changes anything.
function leave(gate, standing, id, final)
  if gate.kind == 'concurrency' and standing[1] > 0 then
    standing[1] = standing[1] - 1
  elseif gate.kind == 'order' and final and standing[6] == id then
    standing[6] = ''
  else
    return false
  end
  return true
end

-- Correct what was set aside in a budget's window, unless that is over.
function adjust(standing, units, window)
  if standing[2] ~= window then return false end
  standing[1] = math.max(0, standing[1] + units)
  return true
end

-- Shut a gate for as long as the other side said.
function park(standing, wait, spacing, spaced_for)
  standing[3] = math.max(standing[3], now + wait)
  if spacing ~= 0 then standing[4], standing[5] = spacing, now + spaced_for end
end

-- From when on a standing says no more than none would; nil: not by itself.
function idle_at(gate, standing)
  if standing[6] ~= '' or standing[1] ~= 0 and gate.kind == 'concurrency' then return nil end
  local told = math.max(now, standing[3], standing[5])
  if gate.kind == 'rate' then return math.max(told, math.ceil(standing[2] / 1000)) end
  if gate.kind == 'budget' then return math.max(told, (standing[2] + 1) * gate.period) end
  return told
end

-- 151: a list of seven.
local function pack_standing(gate, standing, idle)
  local used, mark, till, spacing, spaced_until, holder = unpack(standing, 1, 6)
  if till == 0 and spacing == 0 and holder == '' then
    if mark == 0 and not idle then return digits(used) end
    if used == 0 and gate.kind == 'rate' then return 'm' .. digits(mark) end
  end
  return '\151' .. cmsgpack.pack(used, mark, till, spacing, spaced_until, holder, idle)
end

-- Gates that are filed together at most.
local FILED = 100

-- In `idle` gates that may be at rest within the same second stand together under its end; `sweep.lua` looks then.
-- `seconds`: second -> names.
function file_idle(seconds)
  for second, names in pairs(seconds) do
    for first = 1, #names, FILED do
      local page = cmsgpack.pack(unpack(names, first, math.min(first + FILED - 1, #names)))
      call('ZADD', T .. ':idle', digits(second * 1000), page)
    end
  end
end

-- Have a gate filed under the instant at which it may be at rest.
function add_idle(seconds, name, idle)
  local second = math.ceil(idle / 1000)
  local names = seconds[second] or {}
  names[#names + 1], seconds[second] = name, names
end

-- Write what has changed; what is at rest again is forgotten.
function write_standings()
  local kept, rested, filed = {}, {}, {}
  for name, gate in pairs(changed) do
    local standing = standings[name]
    local idle = idle_at(gate, standing)
    if idle and idle <= now then
      rested[#rested + 1], standings[name] = name, nil
    else
      kept[#kept + 1], kept[#kept + 2] = name, pack_standing(gate, standing, idle)
      if idle and not standing[7] then add_idle(filed, name, idle) end
      standing[7] = idle
    end
  end
  spread(kept, 'HSET', T .. ':gates')
  spread(rested, 'HDEL', T .. ':gates')
  file_idle(filed)
  changed = {}
end
at_the_end[#at_the_end + 1] = write_standings

end
