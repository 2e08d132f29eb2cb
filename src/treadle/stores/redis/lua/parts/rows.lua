-- with: turns
-- What is kept of a lane: shut:<queue> has, of those that are shut, at which gate and until when; opening:<queue> those
-- that open by themselves, by that instant; waits in which queues lanes are shut at a gate.

local function open_lane(queue, text, rank, seq)
  local tenant = read_lane(text).tenant
  touch(queue, tenant)
  call('ZADD', lanes_of(queue, tenant), digits(rank), lane_entry(seq, text))
end

local function shut_lane(queue, text, rank, seq, gate, till)
  local tenant = read_lane(text).tenant
  call('HSET', T .. ':shut:' .. queue, text, cmsgpack.pack({ gate, till }))
  call('ZADD', shut_at(queue, gate, tenant), digits(rank), lane_entry(seq, text))
  if till then call('ZADD', T .. ':opening:' .. queue, digits(till), text) end
  if call('SADD', tenants_at(queue, gate), tenant) == 0 then return end
  local told = call('HGET', T .. ':waits', gate)
  local queues = told and cmsgpack.unpack(told) or {}
  for _, each in ipairs(queues) do
    if each == queue then return end
  end
  queues[#queues + 1] = queue
  call('HSET', T .. ':waits', gate, cmsgpack.pack(queues))
end

-- Once no lane of a tenant, and then no lane at all, waits any more at a gate.
local function forget_gate(queue, gate, tenant)
  if call('EXISTS', shut_at(queue, gate, tenant)) == 1 then return end
  local tenants = tenants_at(queue, gate)
  call('SREM', tenants, tenant)
  if call('EXISTS', tenants) == 1 then return end
  local told = call('HGET', T .. ':waits', gate)
  local left = {}
  for _, each in ipairs(told and cmsgpack.unpack(told) or {}) do
    if each ~= queue then left[#left + 1] = each end
  end
  if #left == 0 then
    call('HDEL', T .. ':waits', gate)
  else
    call('HSET', T .. ':waits', gate, cmsgpack.pack(left))
  end
end

-- Strike a lane out of those that are shut; answer whether it was.
local function unshut(queue, text, seq)
  local told = call('HGET', T .. ':shut:' .. queue, text)
  if not told then return false end
  local gate, till = unpack(cmsgpack.unpack(told))
  local tenant = read_lane(text).tenant
  call('HDEL', T .. ':shut:' .. queue, text)
  call('ZREM', shut_at(queue, gate, tenant), lane_entry(seq, text))
  forget_gate(queue, gate, tenant)
  if till then
    touch(queue, tenant)  -- for the flag
    call('ZREM', T .. ':opening:' .. queue, text)
  end
  return true
end

-- Take a lane whose first job stands there out of where it is kept.
local function withdraw(queue, text, seq)
  if unshut(queue, text, seq) then return end
  local tenant = read_lane(text).tenant
  touch(queue, tenant)
  call('ZREM', lanes_of(queue, tenant), lane_entry(seq, text))
end
