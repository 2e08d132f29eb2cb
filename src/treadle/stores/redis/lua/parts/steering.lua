-- What an operator said of queues, tasks, tenants, keys and limits, as `steers.lua` keeps it.

local NOTHING_SAID = { weight = 1 }

-- The rest is known in here alone, for Lua has room for two hundred names.
local steered, make_numbers, numbers_of, caps, is_paused, as_steered
do

-- Kinds of targets that may be capped across the fleet.
local CAPPED = { queue = true, task = true, tenant = true }

-- target -> what is said of it; and whether anything is, anything is paused, some task is steered, something is capped.
local steering

function steered()
  if not steering then
    local told = call('GET', T .. ':steer')
    steering = { targets = told and cmsgpack.unpack(told)[2] or {} }
    steering.any = next(steering.targets) ~= nil
    for target, said in pairs(steering.targets) do
      steering.paused = steering.paused or said.paused
      steering.tasks = steering.tasks or target:sub(1, 5) == 'task='
      steering.capped = steering.capped or said.limit and CAPPED[target:match('^(%a+)=')]
    end
  end
  return steering
end

-- JSON -> the numbers of a gate: many have them in common.
local numbers = {}

function make_numbers(kind, policy, limit, period, burst)
  return { kind = kind, policy = policy, limit = limit, period = period, burst = burst }
end

function numbers_of(told)
  local gate = numbers[told]
  if not gate then
    gate = make_numbers(unpack(cjson.decode(told)))
    numbers[told] = gate
  end
  return gate
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

-- The numbers of a gate that hold now: an operator's, else the newest code's.
function as_steered(name, gate)
  if not steered().any then return gate end
  local targets = steered().targets
  local policy, own = targets[gate.policy] or NOTHING_SAID, targets[name] or NOTHING_SAID
  local limit, period, burst = gate.limit, gate.period, gate.burst
  if policy.declared then limit, period, burst = unpack(policy.declared) end
  return make_numbers(gate.kind, gate.policy, own.limit or policy.limit or limit, period, burst)
end

end
