-- with: turns
-- What is kept of a lane: shut:<queue> has, of those that are shut, at which gate and until when; opening:<queue> those
-- that open by themselves, by that instant; waits in which queues lanes are shut at a gate.

local function open_lane(queue, text, rank, seq)
  local tenant = read_lane(text).tenant
  touch(queue, tenant)
  call('ZADD', lanes_of(queue, tenant), digits(rank), lane_entry(seq, text))
end

local function shut_lane(queue, text, rank, seq, gate, till)
  call('HSET', T .. ':shut:' .. queue, text, cmsgpack.pack({ gate, till }))
  call('ZADD', shut_at(queue, gate), digits(rank), lane_entry(seq, text))
  if till then call('ZADD', T .. ':opening:' .. queue, digits(till), text) end
  local told = call('HGET', T .. ':waits', gate)
  local queues = told and cmsgpack.unpack(told) or {}
  for _, each in ipairs(queues) do
    if each == queue then return end
  end
  queues[#queues + 1] = queue
  call('HSET', T .. ':waits', gate, cmsgpack.pack(queues))
end

-- Once nobody waits any more at a gate.
local function forget_gate(queue, gate)
  if call('EXISTS', shut_at(queue, gate)) == 1 then return end
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

-- Strike a lane out of those that are shut, but out of the list of its gate; answer that gate, nil if it is open.
local function unshut(queue, text)
  local told = call('HGET', T .. ':shut:' .. queue, text)
  if not told then return nil end
  local gate, till = unpack(cmsgpack.unpack(told))
  call('HDEL', T .. ':shut:' .. queue, text)
  if till then
    touch(queue, read_lane(text).tenant)  -- for the flag
    call('ZREM', T .. ':opening:' .. queue, text)
  end
  return gate
end

-- Take a lane whose first job stands there out of where it is kept.
local function withdraw(queue, text, seq)
  local gate = unshut(queue, text)
  if gate then
    call('ZREM', shut_at(queue, gate), lane_entry(seq, text))
    forget_gate(queue, gate)
  else
    local tenant = read_lane(text).tenant
    touch(queue, tenant)
    call('ZREM', lanes_of(queue, tenant), lane_entry(seq, text))
  end
end
