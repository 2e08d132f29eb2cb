-- with: opening
-- After a target was steered: open lanes that are shut at it, or at a gate of its policy or of its key, and tell who
-- waits. ARGV: now, the target, how many at most. Answers how many.

local target, left = ARGV[2], tonumber(ARGV[3])
local key, number = target:match('^key=(.*)$'), 0

local function concerns(gate)
  return gate == target or gate:sub(1, #target + 1) == target .. ':' or key and gate:sub(-#key - 1) == ':' .. key
end

local waits = call('HGETALL', T .. ':waits')
for i = 1, #waits, 2 do
  local queues = concerns(waits[i]) and { cmsgpack.unpack(waits[i + 1]) } or {}
  for n = 1, #queues, 2 do
    if left > number then number = number + open_best(queues[n], waits[i], left - number) end
  end
end
close_books()
redis.pcall('PUBLISH', CHANNEL, '')
return number
