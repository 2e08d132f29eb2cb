-- What an operator said of queues, tasks, tenants, keys and limits, as `steers.lua` keeps it.

local NOTHING_SAID = { weight = 1 }

-- The rest is known in here alone, for Lua has room for two hundred names.
local steered, make_numbers, numbers_of, caps, is_paused
do

-- Kinds of targets that may be capped across the fleet.
local CAPPED = { queue = true, task = true, tenant = true }

-- target -> what is said of it; and whether anything is paused, some task is steered, something is capped.
local steering

function steered()
  if not steering then
    local told = call('GET', T .. ':steer')
    steering = { targets = told and cmsgpack.unpack(told)[2] or {} }
    for target, said in pairs(steering.targets) do
      steering.paused = steering.paused or said.paused
      steering.tasks = steering.tasks or target:sub(1, 5) == 'task='
      steering.capped = steering.capped or said.limit and CAPPED[target:match('^(%a+)=')]
    end
  end
  return steering
end

function make_numbers(kind, policy, limit, period, burst)
  return { kind = kind, policy = policy, limit = limit, period = period, burst = burst }
end

-- JSON -> the numbers of a gate that hold now: an operator's, else the newest code's. Many gates have them in common.
local numbers = {}

local function read_numbers(told)
  local kind, policy, limit, period, burst = unpack(cjson.decode(told))
  local said = steered().targets[policy] or NOTHING_SAID
  if said.declared then limit, period, burst = unpack(said.declared) end
  return make_numbers(kind, policy, said.limit or limit, period, burst)
end

-- The same for a gate of this name, of which an operator may have said something alone.
function numbers_of(name, told)
  local gate = numbers[told]
  if not gate then
    gate = read_numbers(told)
    numbers[told] = gate
  end
  local own = steering.targets[name]  -- known, once numbers were read
  if not own or not own.limit then return gate end
  return make_numbers(gate.kind, gate.policy, own.limit, gate.period, gate.burst)
end

-- The gates that an operator's limits on queue, task and tenant put before a job: a list like a lane (`lanes.lua`).
function caps(queue, task, tenant)
  local found, targets = { '', '' }, steered().targets
  local function add(target)
    local said = targets[target]
    if said and said.limit then
      found[#found + 1], found[#found + 2] = target, make_numbers('concurrency', target, said.limit, 0, 0)
    end
  end
  add('queue=' .. queue)
  if task then add('task=' .. task) end
  if tenant and tenant ~= '' then add('tenant=' .. tenant) end
  return found
end

function is_paused(target)
  local said = steered().targets[target]
  return said and said.paused
end

end
