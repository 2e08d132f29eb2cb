-- with: tags, moves, steering
-- Jobs that the same predicates govern wait in one lane. It goes by a digest, for its name is long: rows:<queue> has
-- what is known of the lanes in which somebody waits, line:<queue and digest> who waits there. What is kept of a lane
-- stands under the place of its first job: an open one in lanes:<queue and tenant>; `rows.lua` has those that are shut.

-- Bytes of a place, which is where a job stands in its lane: its rank, and the beginning of its entry. All sets of
-- lanes are in the order of places, for a score takes long to be read.
local PLACE = 13

-- digest or name -> lane: a list of its name, its tenant, then of each of its gates the name and the numbers.
local lanes = {}

-- The rest is known in here alone, for Lua has room for two hundred names.
local place_of, read_place, digest_of, line_of, lanes_of, tenants_at, shut_at, pack_lane, unpack_lane
do

-- Room for ranks below zero.
local BIAS = 2 ^ 50

function place_of(rank, entry)
  return struct.pack('>I7', rank + BIAS) .. entry
end

-- Rank and number of a place.
function read_place(place)
  local rank, seq = struct.unpack('>I7I6', place)
  return rank - BIAS, seq
end

-- name -> digest
local digests = {}

function digest_of(text)
  local digest = digests[text]
  if not digest then
    digest = redis.sha1hex(text)
    digests[text] = digest
  end
  return digest
end

-- queue -> how the names of its keys begin.
local heads = {}

local function head_of(queue)
  local head = heads[queue]
  if not head then
    head = #queue .. ':' .. queue .. ':'
    heads[queue] = head
  end
  return head
end

function line_of(queue, digest)
  return T .. ':line:' .. head_of(queue) .. digest
end

function lanes_of(queue, tenant)
  return T .. ':lanes:' .. head_of(queue) .. tenant
end

-- The tenants that have lanes shut at a gate; and those lanes of one of them.
function tenants_at(queue, gate)
  return T .. ':halt:' .. head_of(queue) .. gate
end

function shut_at(queue, gate, tenant)
  return T .. ':at:' .. head_of(queue) .. head_of(gate) .. tenant
end

-- What is kept of a lane: what its name says (`core/flow/lanes.py`), in a form that is soon read.
function pack_lane(text)
  local _, tenant, gates = unpack(cjson.decode(text))
  local told, shape = { text, tenant, '' }, {}
  for i, gate in ipairs(gates) do
    local kind, policy, key, limit, period, burst = unpack(gate)
    told[i + 3] = key ~= '' and policy .. ':' .. key or policy
    shape[i] = cjson.encode({ kind, policy, limit, period, burst })
  end
  told[3] = #shape > 0 and cmsgpack.pack(unpack(shape)) or ''
  return cmsgpack.pack(unpack(told))
end

-- What many lanes have in common: packed -> the numbers of their gates.
local shapes = {}

local function read_shape(told)
  local shape = told == '' and {} or { cmsgpack.unpack(told) }
  shapes[told] = shape
  return shape
end

function unpack_lane(told)
  local text, tenant, shape, a, b, c, d = cmsgpack.unpack(told)
  shape = shapes[shape] or read_shape(shape)
  if not d then
    -- In one constructor: filled one by one, a table would grow.
    return {
      text, tenant, a, a and numbers_of(a, shape[1]), b, b and numbers_of(b, shape[2]),
      c, c and numbers_of(c, shape[3]),
    }
  end
  local lane, names = { text, tenant }, { cmsgpack.unpack(told) }
  for i, packed in ipairs(shape) do
    lane[#lane + 1], lane[#lane + 2] = names[i + 3], numbers_of(names[i + 3], packed)
  end
  return lane
end

end

local function read_lane(text)
  if not lanes[text] then lanes[text] = unpack_lane(pack_lane(text)) end
  return lanes[text]
end

-- Read what these lanes are, of which nothing was read before.
local function meet(queue, unknown)
  for i, told in ipairs(answers(unknown, 'HMGET', T .. ':rows:' .. queue)) do lanes[unknown[i]] = unpack_lane(told) end
end

local function lane_at(queue, digest)
  if not lanes[digest] then meet(queue, { digest }) end
  return lanes[digest]
end

local function task_of(lane)
  lane.task = lane.task or cjson.decode(lane[1])[1]
  return lane.task
end

-- A list like a lane, of the gates before its jobs.
local function gates_before(queue, lane)
  if not steered().capped then return lane end
  lane.before = lane.before or {}
  local gates = lane.before[queue]
  if not gates then
    gates = caps(queue, task_of(lane), lane[2])
    for i = 3, #lane do gates[#gates + 1] = lane[i] end
    lane.before[queue] = gates
  end
  return gates
end

-- The first target of a lane's jobs that is paused.
local function paused_by(queue, lane)
  if not steered().paused then return nil end
  local task, tenant = task_of(lane), lane[2]
  if is_paused('queue=' .. queue) then return 'queue=' .. queue end
  if is_paused('task=' .. task) then return 'task=' .. task end
  if tenant ~= '' and is_paused('tenant=' .. tenant) then return 'tenant=' .. tenant end
  for i = 3, #lane, 2 do
    local name, policy = lane[i], lane[i + 1].policy
    if is_paused(policy) then return policy end
    if is_paused(name) then return name end
    local key = 'key=' .. name:sub(#policy + 2)
    if #name > #policy and is_paused(key) then return key end
  end
end

local function is_ordered(lane)
  for i = 4, #lane, 2 do
    if lane[i].kind == 'order' then return true end
  end
  return false
end

-- Python's own way of writing the lane of a task that is steered.
local function lane_of_task(task)
  local short = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['\b'] = '\\b', ['\f'] = '\\f' }
  local text = task:gsub('[%z\1-\31"\\]', function(c)
    return short[c] or c:byte() < 32 and format('\\u%04x', c:byte()) or '\\' .. c
  end)
  return '["' .. text .. '","",[]]'
end
