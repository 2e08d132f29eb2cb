-- with: waiting, cycling
-- What the end of attempts does to the gates that their jobs had entered (`core/flow/leaving.py`). A way is what
-- Python tells of such a job (`ways.py`): the numbers of the doors that it leaves, three bytes each, or a list of
-- those, what it spent, and how long to park; way 0 has none of that.

-- The rest is known in here alone, for Lua has room for two hundred names.
local note_left, leave_all
do

-- Name and numbers of each door in turn.
local doors, ways = plan[6], plan[7]

-- Who has left by which way, and whether for good.
local leavers, by_way, for_good = {}, {}, {}

function note_left(id, way, final)
  if way == 0 and not steered().capped then return end
  local n = #leavers + 1
  leavers[n], by_way[n], for_good[n] = id, way, final
end

-- Read the numbers of all doors, as they are steered, and what is remembered of them.
local function come_to_doors()
  local unknown = {}
  for i = 1, #doors, 2 do
    local name = doors[i]
    doors[i + 1] = numbers_of(name, doors[i + 1])
    if not standings[name] then unknown[#unknown + 1] = name end
  end
  look_up(unknown)
end

-- The gates that somebody leaves by these doors.
local function gates_of(told)
  local gates, n = { '', '', nil, nil, nil, nil }, 2
  for i = 1, #told, 3 do
    local a, b, c = told:byte(i, i + 2)
    local door = 2 * (16384 * a + 128 * b + c)
    gates[n + 1], gates[n + 2], n = doors[door - 1], doors[door], n + 2
  end
  return gates
end

-- The gates that an operator has put before a job, with those behind them.
local function with_caps(id, own)
  local text = call('GET', T .. ':job:' .. id)
  if not text then return own end
  local spec = cmsgpack.unpack(text:sub(30))
  local lane = spec[16] and read_lane(spec[16])
  local gates = caps(spec[2], lane and task_of(lane) or spec[1], lane and lane[2] or spec[11])
  -- Jobs without a lane wait at the gate of their queue in no list.
  if gates[3] == 'queue=' .. spec[2] then stirred[spec[2]] = true end
  for i = 3, #own do gates[#gates + 1] = own[i] end
  return gates
end

-- The gates that a "try again later" of the other side shuts: the rates or, without any, what has a key.
local function parked(gates)
  local rates, keyed = {}, {}
  for i = 3, #gates, 2 do
    local name, gate = gates[i], gates[i + 1]
    if gate.kind == 'rate' then rates[#rates + 1] = i end
    if gate.kind == 'concurrency' and name ~= gate.policy then keyed[#keyed + 1] = i end
  end
  return #rates > 0 and rates or keyed
end

-- The gates that somebody has left so that it changes them: names, and numbers by name.
local left, noted = {}, {}

local function note(name, gate)
  if not noted[name] then left[#left + 1], noted[name], changed[name] = name, gate, gate end
end

-- Let one job out of its gates.
local function let_out(id, gates, final)
  for i = 3, #gates, 2 do
    local name, gate = gates[i], gates[i + 1]
    if leave(gate, standings[name] or standing_of(name), id, final) then note(name, gate) end
  end
end

-- Correct what it spent, and shut what the other side told of.
local function settle_up(gates, spent, told)
  for i = 3, #gates, 2 do
    local name, gate = gates[i], gates[i + 1]
    for _, each in ipairs(spent or {}) do
      if each[1] == name and adjust(standing_of(name), each[2], each[3]) then note(name, gate) end
    end
  end
  for _, i in ipairs(told and parked(gates) or {}) do
    park(standing_of(gates[i]), unpack(told))
    note(gates[i], gates[i + 1])
  end
end

-- Let those out that were ended just now, and others into their place.
function leave_all()
  if #leavers == 0 then return end
  come_to_doors()
  local known = {}
  for n, id in ipairs(leavers) do
    local way = ways[by_way[n]] or ''
    local is_plain = type(way) == 'string'
    local gates = known[way] or gates_of(is_plain and way or way[1])
    known[way] = gates
    if steered().capped then gates = with_caps(id, gates) end
    let_out(id, gates, for_good[n])
    if not is_plain then settle_up(gates, way[2], way[3]) end
  end
  open_after_leaving(left, noted)
end

end
