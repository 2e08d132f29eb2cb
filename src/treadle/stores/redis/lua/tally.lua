-- with: runs, pictures, filters, indexes
-- Count a part of an index. ARGV: now, index, the seq to begin below (empty: the newest), the filter, how many to look
-- at. Answers the seq to go on below (0: that was all), then "state:queue" and a number in turn.

local filter, most = read_filter(ARGV[4]), tonumber(ARGV[5])
local ids = read_index(ARGV[2], tonumber(ARGV[3]), most)
local looked, numbers = math.min(most, #ids), {}

local some, queues = by_specs({ unpack(ids, 1, looked) }, filter)
for i, state in ipairs(states_of(some)) do
  if not filter.states or filter.states[state] then
    local field = state .. ':' .. queues[i]
    numbers[field] = (numbers[field] or 0) + 1
  end
end

local answer = { rest_of(ids, looked) }
for field, number in pairs(numbers) do
  answer[#answer + 1] = field
  answer[#answer + 1] = number
end
return answer
