-- with: rows, gates, heaps
-- Which lanes that are shut at a gate are opened, so that no room stays unused (`core/flow/opening.py`).

-- The rest is known in here alone, for Lua has room for two hundred names.
local open_best, open_after_leaving, let_others_in
do

-- At once; and beyond the room there is, for the first of them may have to wait for something else.
local MOST_OPENED, SPARE = 1000, 16

-- Lanes that are worth a try.
local function room_of(gate, standing)
  if gate.kind == 'budget' then return MOST_OPENED end
  if gate.kind == 'concurrency' then
    return math.min(MOST_OPENED, math.max(1, gate.limit - standing[1]) + SPARE)
  end
  return gate.kind == 'order' and standing[6] == '' and SPARE or 0
end

-- Tenants that are looked at together: of more, some.
local TENANTS = 200

local function make_shut(entry, rank)
  return { entry = entry, start = 0, rank = rank, seq = struct.unpack('>I6', entry) }
end

-- Put a tenant of whom a lane is shut at a gate in its turn.
local function line_up_tenant(tenants, tenant)
  local first = first_in(tenant.rows)
  if first then
    tenant.rank, tenant.seq = first.rank, first.seq
    push(tenants, tenant)
  end
end

-- Those of them that are looked at together; and whether there may be others.
local function tenants_in_turn(queue, gate)
  local names, found = call('SRANDMEMBER', tenants_at(queue, gate), TENANTS), {}
  for _, name in ipairs(names) do
    local start = #names > 1 and math.max(paid_by(queue, name), clock_of(queue)) or 0
    line_up_tenant(found, { name = name, start = start, rows = source_of(shut_at(queue, gate, name), 2, make_shut) })
  end
  return found, #names == TENANTS
end

local function open_some(queue, gate, room)
  local tenants, others = tenants_in_turn(queue, gate)
  local best = {}
  while #best < room and tenants[1] do
    local tenant = pop(tenants)
    best[#best + 1] = take_first_in(tenant.rows)
    local said = steered().targets['tenant=' .. tenant.name] or NOTHING_SAID
    tenant.start = tenant.start + TURN / math.max(1, said.weight)
    line_up_tenant(tenants, tenant)
  end
  for _, each in ipairs(best) do
    local text = each.entry:sub(7)
    unshut(queue, text, each.seq)
    open_lane(queue, text, each.rank, each.seq)
  end
  return #best, others
end

-- Open lanes of a queue that are shut at a gate, in the order of turns: of the tenant who has paid least its best lane
-- first. Answers how many.
function open_best(queue, gate, room)
  local number, others = open_some(queue, gate, room)
  while others and number < room do
    local more
    more, others = open_some(queue, gate, room - number)
    number = number + more
  end
  return number
end

-- The queues in which lanes are shut at these gates: name -> queues.
local function queues_at(gates)
  local names, found = {}, {}
  for i, gate in ipairs(gates) do names[i] = gate.name end
  for i, told in ipairs(answers(names, 'HMGET', T .. ':waits')) do
    if told then found[names[i]] = cmsgpack.unpack(told) end
  end
  return found
end

-- After somebody has left these gates: open lanes in each queue, as many as fit.
function open_after_leaving(gates)
  for name, queues in pairs(queues_at(gates)) do
    for _, gate in ipairs(gates) do
      local room = gate.name == name and room_of(gate, standing_of(gate)) or 0
      for _, queue in ipairs(room > 0 and queues or {}) do open_best(queue, name, room) end
    end
  end
end

-- A lane that was let out for these gates has not used them: open others of its queue that are shut there, if one of
-- them would be let in. (Whoever left a budget has let all out that waited for it: to do so again could go on for
-- ever.) Answers how many.
function let_others_in(queue, gates)
  local number = 0
  if #gates == 0 or call('EXISTS', T .. ':shut:' .. queue) == 0 then return 0 end
  local waits = queues_at(gates)
  for _, gate in ipairs(gates) do
    if waits[gate.name] and gate.kind ~= 'budget' then
      local standing = standing_of(gate)
      local room = ask(gate, standing, '', 1) == PASSES and room_of(gate, standing) or 0
      if room > 0 then number = number + open_best(queue, gate.name, room) end
    end
  end
  return number
end

end
