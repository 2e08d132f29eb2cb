-- What an operator said of queues, tasks, tenants, keys and limits, as `steers.lua` keeps it.

local NOTHING_SAID = { weight = 1 }

-- target -> what is said of it; and whether anything is, anything is paused, and which tasks are steered.
local steering

local function steered()
  if not steering then
    local told = call('GET', T .. ':steer')
    steering = { targets = told and cmsgpack.unpack(told)[2] or {} }
    steering.any = next(steering.targets) ~= nil
    for target, said in pairs(steering.targets) do
      steering.paused = steering.paused or said.paused
      steering.tasks = steering.tasks or target:sub(1, 5) == 'task='
    end
  end
  return steering
end

-- The gates that an operator's limits on queue, task and tenant put before a job.
local function caps(queue, task, tenant)
  local found, targets = {}, steered().targets
  local function add(target)
    local said = targets[target]
    if said and said.limit then
      found[#found + 1] = {
        kind = 'concurrency', policy = target, key = '', limit = said.limit, period = 0, burst = 0, name = target,
      }
    end
  end
  add('queue=' .. queue)
  if task then add('task=' .. task) end
  if tenant and tenant ~= '' then add('tenant=' .. tenant) end
  return found
end

local function is_paused(target)
  local said = steered().targets[target]
  return said and said.paused
end

-- A gate with the numbers that hold now: an operator's, else the newest code's.
local function as_steered(gate)
  local targets = steered().targets
  local policy, own = targets[gate.policy] or NOTHING_SAID, targets[gate.name] or NOTHING_SAID
  local limit, period, burst = gate.limit, gate.period, gate.burst
  if policy.declared then limit, period, burst = unpack(policy.declared) end
  return {
    kind = gate.kind, policy = gate.policy, key = gate.key, name = gate.name,
    limit = own.limit or policy.limit or limit, period = period, burst = burst,
  }
end
