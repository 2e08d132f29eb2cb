-- with: lanes
-- Turns: turns:<queue> has the tenants that have an open lane, by what they have paid and the place of their first job;
-- paid:<queue> what tenants have paid in all; the clock of a queue is what who was served last had paid before.

-- What a tenant of weight 1 pays for one job.
local TURN = 1000000

-- The rest is known in here alone, for Lua has room for two hundred names.
local clock_of, paid_by, touch, set_clock, take_turns, lanes_in
do

-- queue -> tenant -> the entry of its turn before this verb (false: none).
local touched = {}

-- The clocks of queues, and those that have moved on: who comes back begins there.
local clocks, gone_on = {}, {}

function clock_of(queue)
  if not clocks[queue] then clocks[queue] = tonumber(call('HGET', T .. ':clocks', queue) or 0) end
  return clocks[queue]
end

function paid_by(queue, tenant)
  return tonumber(call('ZSCORE', T .. ':paid:' .. queue, tenant) or 0)
end

-- A tenant whose turn comes stands under the place of the first job of its first open lane.
local function turn_now(queue, tenant)
  local head = call('ZRANGE', lanes_of(queue, tenant), '0', '0')[1]
  return head and head:sub(1, PLACE) .. tenant or false
end

-- Before an open lane of a tenant comes, goes or moves; without a tenant: whoever does that sees to its turn.
function touch(queue, tenant)
  if not touched[queue] then
    touched[queue] = {}
    if not opened[queue] then opened[queue] = call('EXISTS', T .. ':turns:' .. queue) == 0 end
  end
  if tenant and touched[queue][tenant] == nil then touched[queue][tenant] = turn_now(queue, tenant) end
end

function set_clock(queue, clock)
  clocks[queue], gone_on[queue] = clock, true
  call('HSET', T .. ':clocks', queue, digits(clock))
end

-- Say to plain cycles whether lanes of a queue are open, or may open by themselves.
local function raise_flag(queue)
  local waits = call('EXISTS', T .. ':turns:' .. queue, T .. ':opening:' .. queue) > 0
  call(waits and 'SADD' or 'SREM', T .. ':flow', 'queue=' .. queue)
end

-- Put tenants where their turn is now.
function take_turns()
  write_moves()
  for queue, tenants in pairs(touched) do
    local gone, come = {}, {}
    for tenant, before in pairs(tenants) do
      local after = turn_now(queue, tenant)
      if before and before ~= after then gone[#gone + 1] = before end
      if after and (gone_on[queue] or before ~= after) then
        come[#come + 1], come[#come + 2] = digits(math.max(paid_by(queue, tenant), clock_of(queue))), after
      end
    end
    spread(gone, 'ZREM', T .. ':turns:' .. queue)
    spread(come, 'ZADD', T .. ':turns:' .. queue)
    raise_flag(queue)
  end
  touched, gone_on = {}, {}
end
at_the_end[#at_the_end + 1] = take_turns

-- The lanes of a queue, open or shut: digest and lane in turn.
function lanes_in(queue)
  local found = call('HGETALL', T .. ':rows:' .. queue)
  for i = 2, #found, 2 do found[i] = unpack_lane(found[i]) end
  return found
end

end
