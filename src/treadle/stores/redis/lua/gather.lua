-- with: runs, turns, pictures, filters
-- Read all jobs of some states that fit a filter; for states that have few. ARGV: now, the filter, states. Answers now
-- and their pictures.

local ids = {}

local function add(more)
  for _, id in ipairs(more) do ids[#ids + 1] = id end
end

local queues = {}
for _, field in ipairs(call('HKEYS', T .. ':counts')) do
  local state, queue = field:match('^(%a+):(.*)$')
  if state == 'queued' then queues[#queues + 1] = queue end
end

local function all_queued(queue)
  local found = {}
  for _, entry in ipairs(call('ZRANGE', T .. ':ready:' .. queue, 0, -1)) do found[#found + 1] = id_in(entry) end
  local known = lanes_in(queue)
  for i = 1, #known, 2 do
    for _, entry in ipairs(call('ZRANGE', line_of(queue, known[i]), 0, -1)) do
      found[#found + 1] = entry:sub(PLACE + 1)
    end
  end
  return found
end

local READERS = {
  queued = function()
    for _, queue in ipairs(queues) do add(all_queued(queue)) end
  end,
  scheduled = function() add(call('ZRANGE', T .. ':due', 0, -1)) end,
  held = function() add(call('HKEYS', T .. ':held')) end,
  running = function()
    for _, worker in ipairs(workers()) do add(call('HKEYS', run_of(worker))) end
  end,
}

local function read_ended(state)
  for _, task in ipairs(call('ZRANGE', T .. ':ended', 0, -1)) do
    local key = T .. ':done:' .. state .. ':' .. task
    for _, page in ipairs(call('ZRANGE', key, 0, -1)) do add(cmsgpack.unpack(page)) end
  end
end

for i = 3, #ARGV do
  if READERS[ARGV[i]] then READERS[ARGV[i]]() else read_ended(ARGV[i]) end
end
return { digits(now), fitting(ids, read_filter(ARGV[2])) }
