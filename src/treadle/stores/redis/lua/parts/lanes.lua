-- with: tags, steering
-- Jobs that the same predicates govern wait in one lane, line:<queue and lane>. What is kept of a lane stands under the
-- place of its first job: an open one in lanes:<queue and tenant>, one that is shut in at:<queue, gate and tenant>;
-- halt:<queue and gate> has those tenants.

local lanes = {}

-- queue -> how the names of such keys begin; a number that is written into a text takes long.
local heads = {}

local function head_of(queue)
  local head = heads[queue]
  if not head then
    head = #queue .. ':' .. queue .. ':'
    heads[queue] = head
  end
  return head
end

local function line_of(queue, text)
  return T .. ':line:' .. head_of(queue) .. text
end

local function lanes_of(queue, tenant)
  return T .. ':lanes:' .. head_of(queue) .. tenant
end

-- The tenants that have lanes shut at a gate; and those lanes of one of them.
local function tenants_at(queue, gate)
  return T .. ':halt:' .. head_of(queue) .. gate
end

local function shut_at(queue, gate, tenant)
  return T .. ':at:' .. head_of(queue) .. head_of(gate) .. tenant
end

local function lane_entry(seq, text)
  return struct.pack('>I6', seq) .. text
end

-- Room for ranks below zero.
local BIAS = 2 ^ 50

-- A tenant whose turn comes, under the place of the first job of its first open lane.
local function turn_entry(rank, seq, tenant)
  return struct.pack('>I7I6', rank + BIAS, seq) .. tenant
end

-- What the name of a lane says (`core/flow/lanes.py`).
local function read_lane(text)
  local lane = lanes[text]
  if not lane then
    local task, tenant, gates = unpack(cjson.decode(text))
    for i, told in ipairs(gates) do gates[i] = make_gate(unpack(told)) end
    lane = { task = task, tenant = tenant, gates = gates }
    lanes[text] = lane
  end
  return lane
end

-- The gates before the jobs of a lane, with the limits that an operator has set.
local function gates_before(queue, lane)
  if not steered().any then return lane.gates end
  lane.before = lane.before or {}
  local gates = lane.before[queue]
  if not gates then
    gates = caps(queue, lane.task, lane.tenant)
    for _, gate in ipairs(lane.gates) do gates[#gates + 1] = as_steered(gate) end
    lane.before[queue] = gates
  end
  return gates
end

-- The first target of a lane's jobs that is paused.
local function paused_by(queue, lane)
  if not steered().paused then return nil end
  if is_paused('queue=' .. queue) then return 'queue=' .. queue end
  if is_paused('task=' .. lane.task) then return 'task=' .. lane.task end
  if lane.tenant ~= '' and is_paused('tenant=' .. lane.tenant) then return 'tenant=' .. lane.tenant end
  for _, gate in ipairs(lane.gates) do
    if is_paused(gate.policy) then return gate.policy end
    if is_paused(gate.name) then return gate.name end
    if gate.key ~= '' and is_paused('key=' .. gate.key) then return 'key=' .. gate.key end
  end
end

-- Python's own way of writing the lane of a task that is steered.
local function lane_of_task(task)
  local short = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['\b'] = '\\b', ['\f'] = '\\f' }
  local text = task:gsub('[%z\1-\31"\\]', function(c)
    return short[c] or c:byte() < 32 and format('\\u%04x', c:byte()) or '\\' .. c
  end)
  return '["' .. text .. '","",[]]'
end
