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

local function make_shut(entry)
  local rank, seq = read_place(entry)
  return { entry = entry, start = 0, rank = rank, seq = seq }
end

-- Put a tenant of whom a lane is shut at a gate in its turn.
local function line_up_tenant(tenants, tenant)
  local first = first_in(tenant.rows)
  if first then
    tenant.rank, tenant.seq = first.rank, first.seq
    push(tenants, tenant)
  end
end

local function is_before(a, b)
  if a.rank ~= b.rank then return a.rank < b.rank end
  return a.seq < b.seq
end

-- The lanes of a list by tenant.
local function by_tenant(few)
  local names, found = {}, {}
  for i = 1, #few, 2 do
    local name = few[i + 1]
    if not found[name] then names[#names + 1], found[name] = name, {} end
    table.insert(found[name], make_shut(few[i]))
  end
  for _, name in ipairs(names) do
    table.sort(found[name], is_before)
    found[name] = source_from(found[name])
  end
  return names, found
end

-- Those of them that are looked at together; and whether there may be others.
local function tenants_in_turn(queue, gate, few)
  local names, sources, found = nil, {}, {}
  if few then
    names, sources = by_tenant(few)
  else
    names = call('SRANDMEMBER', tenants_at(queue, gate), TENANTS)
  end
  for _, name in ipairs(names) do
    local start = #names > 1 and math.max(paid_by(queue, name), clock_of(queue)) or 0
    local rows = sources[name] or source_of(shut_at(queue, gate, name), 2, make_shut)
    line_up_tenant(found, { name = name, start = start, rows = rows })
  end
  return found, not few and #names == TENANTS
end

-- The best in the order of turns, entries and tenants in turn.
local function best_of(queue, gate, few, room)
  local tenants, others = tenants_in_turn(queue, gate, few)
  local best = {}
  while #best < 2 * room and tenants[1] do
    local tenant = pop(tenants)
    best[#best + 1], best[#best + 2] = take_first_in(tenant.rows).entry, tenant.name
    local said = steered().targets['tenant=' .. tenant.name] or NOTHING_SAID
    tenant.start = tenant.start + TURN / math.max(1, said.weight)
    line_up_tenant(tenants, tenant)
  end
  return best, others
end

local function open_some(queue, gate, room)
  local few, best, others = few_at(gate, queue), nil, false
  if few and #few <= 2 * room then
    best = { unpack(few) }
  else
    best, others = best_of(queue, gate, few, room)
  end
  for i = 1, #best, 2 do
    unshut(queue, best[i + 1], best[i], gate)
    open_lane(queue, best[i + 1], best[i])
  end
  return #best / 2, others
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

-- After somebody has left these gates: open lanes in each queue, as many as fit. `gates`: numbers by their names.
function open_after_leaving(names, gates)
  meet_waiting(names)
  for _, name in ipairs(names) do
    local told = queues_at(name)
    local room = told[1] and room_of(gates[name], standing_of(name)) or 0
    local queues = {}
    for i = 1, room > 0 and #told or 0, 2 do queues[#queues + 1] = told[i] end
    for _, queue in ipairs(queues) do open_best(queue, name, room) end
  end
end

-- A lane that was let out for these gates has not used them: open others of its queue that are shut there, if one of
-- them would be let in. (Whoever left a budget has let all out that waited for it: to do so again could go on for
-- ever.) Answers how many.
function let_others_in(queue, names, gates)
  local number = 0
  meet_waiting(names)
  for _, name in ipairs(names) do
    local gate = gates[name]
    if queues_at(name)[1] and gate.kind ~= 'budget' then
      local standing = standing_of(name)
      local room = ask(gate, standing, '', 1) == PASSES and room_of(gate, standing) or 0
      if room > 0 then number = number + open_best(queue, name, room) end
    end
  end
  return number
end

end
