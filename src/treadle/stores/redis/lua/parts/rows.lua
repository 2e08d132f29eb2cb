-- with: halts
-- What is kept of a lane: shut:<queue> has, of those that are shut, at which gate and until when; opening:<queue> those
-- that open by themselves, by that instant. An entry is the place of a lane's first job and the lane's digest.

local function open_lane(queue, tenant, entry)
  touch(queue, tenant)
  move_in_set(lanes_of(queue, tenant), entry, '0')
end

local function shut_lane(queue, tenant, entry, gate, till)
  local digest = entry:sub(PLACE + 1)
  move_in_hash(T .. ':shut:' .. queue, digest, cmsgpack.pack(gate, till or 0))
  if till then move_in_set(T .. ':opening:' .. queue, digest, digits(till)) end
  wait_at(gate, queue, entry, tenant)
end

-- Strike a lane out of those that are shut at a gate.
local function unshut(queue, tenant, entry, gate)
  local digest = entry:sub(PLACE + 1)
  touch(queue)  -- for the flag
  move_in_hash(T .. ':shut:' .. queue, digest, false)
  move_in_set(T .. ':opening:' .. queue, digest, false)
  wait_no_more(gate, queue, entry, tenant)
end

-- Take a lane out of where it is kept.
local function withdraw(queue, tenant, entry)
  local told = field_of(T .. ':shut:' .. queue, entry:sub(PLACE + 1))
  if told then return unshut(queue, tenant, entry, (cmsgpack.unpack(told))) end
  touch(queue, tenant)
  move_in_set(lanes_of(queue, tenant), entry, false)
end
