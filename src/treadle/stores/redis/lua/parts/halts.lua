-- with: turns
-- Who waits at a gate: waits has, gate -> of each queue in which lanes are shut there its name and those lanes, as
-- entries and tenants in turn; or true, where they are so many that they stand in sorted sets (`shut_at`,
-- `tenants_at`).

-- The rest is known in here alone, for Lua has room for two hundred names.
local meet_waiting, queues_at, few_at, wait_at, wait_no_more
do

-- Lanes of a queue that are kept in one list. A limit that has a key has one or two as a rule.
local FEW = 16

-- gate -> what is told of it, and the gates of which something else is to be told.
local waiting, altered = {}, {}

-- Read who waits at these gates.
function meet_waiting(gates)
  local unknown = {}
  for _, gate in ipairs(gates) do
    if not waiting[gate] then unknown[#unknown + 1] = gate end
  end
  if #unknown == 0 then return end
  if call('EXISTS', T .. ':waits') == 0 then
    for _, gate in ipairs(unknown) do waiting[gate] = {} end
    return
  end
  for i, told in ipairs(answers(unknown, 'HMGET', T .. ':waits')) do
    waiting[unknown[i]] = told and { cmsgpack.unpack(told) } or {}
  end
end

-- Queues in which lanes are shut at a gate, each followed by what is known of them.
function queues_at(gate)
  if not waiting[gate] then meet_waiting({ gate }) end
  return waiting[gate]
end

local function index_of(told, queue)
  for i = 1, #told, 2 do
    if told[i] == queue then return i end
  end
end

-- The lanes of a queue that are shut at a gate, entries and tenants in turn; nil: they are many.
function few_at(gate, queue)
  local told = queues_at(gate)
  local i = index_of(told, queue)
  local few = i and told[i + 1] or {}
  return few ~= true and few or nil
end

local function add_to_many(gate, queue, entry, tenant)
  call('ZADD', shut_at(queue, gate, tenant), 0, entry)
  call('SADD', tenants_at(queue, gate), tenant)
end

-- Let a lane, as an entry of its first job's place and its digest, wait at a gate.
function wait_at(gate, queue, entry, tenant)
  local told = queues_at(gate)
  local i = index_of(told, queue)
  local few = i and told[i + 1]
  if few == true then return add_to_many(gate, queue, entry, tenant) end
  altered[gate] = true
  if not i then
    told[#told + 1], told[#told + 2] = queue, { entry, tenant }
  elseif #few < 2 * FEW then
    few[#few + 1], few[#few + 2] = entry, tenant
  else
    for n = 1, #few, 2 do add_to_many(gate, queue, few[n], few[n + 1]) end
    add_to_many(gate, queue, entry, tenant)
    told[i + 1] = true
  end
end

local function strike(told, i)
  table.remove(told, i)
  table.remove(told, i)
end

-- Answers whether none is left of many.
local function take_from_many(gate, queue, entry, tenant)
  local lanes, tenants = shut_at(queue, gate, tenant), tenants_at(queue, gate)
  call('ZREM', lanes, entry)
  if call('EXISTS', lanes) == 1 then return false end
  call('SREM', tenants, tenant)
  return call('EXISTS', tenants) == 0
end

function wait_no_more(gate, queue, entry, tenant)
  local told = queues_at(gate)
  local i = index_of(told, queue)
  local few = told[i + 1]
  if few == true then
    if not take_from_many(gate, queue, entry, tenant) then return end
  else
    local n = index_of(few, entry)
    if n then strike(few, n) end
    if few[1] then
      altered[gate] = true
      return
    end
  end
  altered[gate] = true
  strike(told, i)
end

local function write_waiting()
  local come, gone = {}, {}
  for gate in pairs(altered) do
    local told = waiting[gate]
    if told[1] then
      come[#come + 1], come[#come + 2] = gate, cmsgpack.pack(unpack(told))
    else
      gone[#gone + 1] = gate
    end
  end
  spread(come, 'HSET', T .. ':waits')
  spread(gone, 'HDEL', T .. ':waits')
  altered = {}
end
at_the_end[#at_the_end + 1] = write_waiting

end
