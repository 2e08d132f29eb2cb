-- What is remembered of gates, and the moves of `core/flow/gates.py`, with the same numbers: used, mark, until, spacing,
-- spaced until, holder. A gate of which nothing is remembered is at rest.

local PASSES, SHUT, FREE = 0, -1, { 0, 0, 0, 0, 0, '' }

-- name -> standing, as far as it was read; name -> gate, of those that have changed.
local standings, changed = {}, {}

local function look_up(gates)
  local unknown = {}
  for _, gate in ipairs(gates) do
    if not standings[gate.name] then unknown[#unknown + 1] = gate.name end
  end
  if #unknown == 0 then return end
  for i, told in ipairs(answers(unknown, 'HMGET', T .. ':gates')) do
    standings[unknown[i]] = told and cmsgpack.unpack(told) or FREE
  end
end

local function standing_of(gate)
  if not standings[gate.name] then look_up({ gate }) end
  return standings[gate.name]
end

local function change(gate, standing)
  -- The seventh: the instant under which the one before was filed.
  standing[7] = standing_of(gate)[7]
  standings[gate.name], changed[gate.name] = standing, gate
end

-- The microseconds that an entry costs the bucket, and how far ahead of time it may be.
local function spaced(gate, standing, cost)
  local spacing, spaced_until = standing[4], standing[5]
  local unit = gate.period * 1000 / gate.limit
  cost = math.min(cost, gate.burst)
  if spaced_until > now and spacing > unit then
    local step = math.ceil(cost * spacing)
    return step, step
  end
  return math.ceil(cost * unit), math.ceil(gate.burst * unit)
end

-- PASSES, SHUT, or the millisecond at which to ask again.
local function ask(gate, standing, id, cost)
  local used, mark, shut_until, _, spaced_until, holder = unpack(standing)
  if shut_until > now then return shut_until end
  if gate.kind == 'concurrency' then return used < gate.limit and PASSES or SHUT end
  if gate.kind == 'rate' then
    if gate.limit <= 0 then return SHUT end
    local step, ahead = spaced(gate, standing, cost)
    local opens = math.max(now * 1000, mark) + step - ahead
    if opens <= now * 1000 then return PASSES end
    local at = math.ceil(opens / 1000)
    return spaced_until > now and math.min(at, spaced_until) or at
  end
  if gate.kind == 'order' then return (holder == '' or holder == id) and PASSES or SHUT end
  local window = math.floor(now / gate.period)
  local spent = mark == window and used or 0
  return spent + cost <= gate.limit and PASSES or (window + 1) * gate.period
end

local function enter(gate, standing, id, cost)
  local used, mark, shut_until, spacing, spaced_until, holder = unpack(standing)
  if gate.kind == 'concurrency' then
    used = used + 1
  elseif gate.kind == 'rate' then
    mark = math.max(now * 1000, mark) + spaced(gate, standing, cost)
  elseif gate.kind == 'order' then
    holder = id
  else
    local window = math.floor(now / gate.period)
    used, mark = (mark == window and used or 0) + cost, window
  end
  return { used, mark, shut_until, spacing, spaced_until, holder }
end

-- Let a job out; nil where that changes nothing.
local function leave(gate, standing, id, final)
  local used, mark, shut_until, spacing, spaced_until, holder = unpack(standing)
  if gate.kind == 'concurrency' and used > 0 then
    return { used - 1, mark, shut_until, spacing, spaced_until, holder }
  elseif gate.kind == 'order' and final and holder == id then
    return { used, mark, shut_until, spacing, spaced_until, '' }
  end
end

-- Correct what was set aside in a budget's window; nil where that is over.
local function adjust(standing, units, window)
  local used, mark, shut_until, spacing, spaced_until, holder = unpack(standing)
  if mark ~= window then return nil end
  return { math.max(0, used + units), mark, shut_until, spacing, spaced_until, holder }
end

-- Shut a gate for as long as the other side said.
local function park(standing, wait, spacing_told, spaced_for)
  local used, mark, shut_until, spacing, spaced_until, holder = unpack(standing)
  shut_until = math.max(shut_until, now + wait)
  if spacing_told ~= 0 then spacing, spaced_until = spacing_told, now + spaced_for end
  return { used, mark, shut_until, spacing, spaced_until, holder }
end

-- From when on a standing says no more than none would; nil: not by itself.
local function idle_at(gate, standing)
  local used, mark, shut_until, _, spaced_until, holder = unpack(standing)
  if holder ~= '' or used ~= 0 and gate.kind == 'concurrency' then return nil end
  local told = math.max(now, shut_until, spaced_until)
  if gate.kind == 'rate' then return math.max(told, math.ceil(mark / 1000)) end
  if gate.kind == 'budget' then return math.max(told, (mark + 1) * gate.period) end
  return told
end

-- 151: an array of seven.
local function pack_standing(standing, filed)
  local used, mark, shut_until, spacing, spaced_until, holder = unpack(standing)
  return '\151' .. cmsgpack.pack(used, mark, shut_until, spacing, spaced_until, holder, filed)
end

-- Write what has changed; what is at rest again is forgotten. In `idle` is by which instant the rest will be.
local function write_standings()
  local kept, rested, filed, unfiled = {}, {}, {}, {}
  for name, gate in pairs(changed) do
    local standing = standings[name]
    local at, before = idle_at(gate, standing), standing[7]
    if at and at <= now then
      rested[#rested + 1] = name
      standings[name] = FREE
    else
      kept[#kept + 1], kept[#kept + 2] = name, pack_standing(standing, at)
      standing[7] = at
    end
    if at and at > now then
      filed[#filed + 1], filed[#filed + 2] = digits(at), name
    elseif before then
      unfiled[#unfiled + 1] = name
    end
  end
  spread(kept, 'HSET', T .. ':gates')
  spread(rested, 'HDEL', T .. ':gates')
  spread(filed, 'ZADD', T .. ':idle')
  spread(unfiled, 'ZREM', T .. ':idle')
  changed = {}
end
at_the_end[#at_the_end + 1] = write_standings
