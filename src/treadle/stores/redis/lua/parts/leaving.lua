-- with: waiting, cycling
-- What the end of attempts does to the gates that their jobs had entered (`core/flow/leaving.py`). A way is what
-- Python tells of such a job (`ways.py`): which of the doors it leaves, what it spent, how long to park; way 0 has
-- none of that.

-- The rest is known in here alone, for Lua has room for two hundred names.
local note_left, leave_all
do

local doors, ways = plan[6], plan[7]

-- Who has left by which way, and whether for good.
local leavers, by_way, for_good = {}, {}, {}

function note_left(id, way, final)
  if way == 0 and not steered().capped then return end
  local n = #leavers + 1
  leavers[n], by_way[n], for_good[n] = id, way, final
end

local NO_WAY = { {} }

-- The gates of the doors of a way, as they are steered.
local function doors_of(way)
  if not way.gates then
    way.gates = {}
    for n, i in ipairs(way[1]) do
      doors[i] = doors[i].name and doors[i] or as_steered(make_gate(unpack(doors[i])))
      way.gates[n] = doors[i]
    end
  end
  return way.gates
end

-- The gates that somebody leaves: those of its lane, and an operator's on queue, task and tenant.
local function gates_of(n)
  local own = doors_of(ways[by_way[n]] or NO_WAY)
  local text = steered().capped and call('GET', T .. ':job:' .. leavers[n])
  if not text then return own end
  local spec = cmsgpack.unpack(text:sub(30))
  local lane = spec[16] and read_lane(spec[16])
  local gates = caps(spec[2], lane and lane.task or spec[1], lane and lane.tenant or spec[11])
  -- Jobs without a lane wait at the gate of their queue in no list.
  if gates[1] and gates[1].name == 'queue=' .. spec[2] then stirred[spec[2]] = true end
  for _, gate in ipairs(own) do gates[#gates + 1] = gate end
  return gates
end

-- The gates that a "try again later" of the other side shuts: the rates or, without any, what has a key.
local function parked(gates)
  local rates, keyed = {}, {}
  for _, gate in ipairs(gates) do
    if gate.kind == 'rate' then rates[#rates + 1] = gate end
    if gate.kind == 'concurrency' and gate.key ~= '' then keyed[#keyed + 1] = gate end
  end
  return #rates > 0 and rates or keyed
end

-- Let one job out of its gates; `note` hears of each that this changes.
local function let_out(id, way, gates, final, note)
  local spent, told = way[2], way[3]
  for _, gate in ipairs(gates) do
    local standing = standing_of(gate)
    if leave(gate, standing, id, final) then note(gate) end
    for _, each in ipairs(spent or {}) do
      if each[1] == gate.name and adjust(gate, standing, each[2], each[3]) then note(gate) end
    end
  end
  for _, gate in ipairs(told and parked(gates) or {}) do
    park(gate, standing_of(gate), unpack(told))
    note(gate)
  end
end

-- Let those out that were ended just now, and others into their place.
function leave_all()
  local gates, all, left, names = {}, {}, {}, {}
  local function note(gate)
    if not names[gate.name] then left[#left + 1], names[gate.name] = gate, true end
  end
  for n in ipairs(leavers) do
    gates[n] = gates_of(n)
    for _, gate in ipairs(gates[n]) do all[#all + 1] = gate end
  end
  look_up(all)
  for n, id in ipairs(leavers) do let_out(id, ways[by_way[n]] or NO_WAY, gates[n], for_good[n], note) end
  open_after_leaving(left)
end

end
