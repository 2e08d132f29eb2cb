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

-- Strike a lane out of those that are shut; answer whether it was.
local function unshut(queue, tenant, entry)
  local digest = entry:sub(PLACE + 1)
  local told = field_of(T .. ':shut:' .. queue, digest)
  if not told then return false end
  local gate, till = cmsgpack.unpack(told)
  move_in_hash(T .. ':shut:' .. queue, digest, false)
  wait_no_more(gate, queue, entry, tenant)
  if till > 0 then
    touch(queue, tenant)  -- for the flag
    move_in_set(T .. ':opening:' .. queue, digest, false)
  end
  return true
end

-- Take a lane out of where it is kept.
local function withdraw(queue, tenant, entry)
  if unshut(queue, tenant, entry) then return end
  touch(queue, tenant)
  move_in_set(lanes_of(queue, tenant), entry, false)
end
