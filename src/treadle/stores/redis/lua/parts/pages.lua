-- An index is a sorted set of pages: up to a hundred ids that came together, under the number of the first of them, so
-- that a batch costs one entry. A page names exactly who belongs there; of who is gone nothing is left.

local PAGE = 100

-- Enter ids whose numbers rise; one number may stand for all.
local function file(index, ids, numbers)
  for first = 1, #ids, PAGE do
    local page = ids
    if #ids > PAGE then
      page = {}
      for i = first, math.min(first + PAGE - 1, #ids) do page[#page + 1] = ids[i] end
    end
    local number = type(numbers) == 'table' and numbers[first] or numbers
    call('ZADD', T .. ':' .. index, digits(number), cmsgpack.pack(page))
  end
end

local function strike_out(key, score, page, gone, done)
  local ids, left = cmsgpack.unpack(page), {}
  for _, id in ipairs(ids) do
    if gone[id] then done[id] = true else left[#left + 1] = id end
  end
  if #left < #ids then
    call('ZREM', key, page)
    if #left > 0 then call('ZADD', key, score, cmsgpack.pack(left)) end
  end
end

-- Strike ids out; `gone` is id -> its number.
local function unfile(index, gone)
  local key, done = T .. ':' .. index, {}
  for id, number in pairs(gone) do
    if not done[id] then
      local last = call('ZREVRANGEBYSCORE', key, digits(number), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
      local score = last[2]
      for _, page in ipairs(score and call('ZRANGEBYSCORE', key, score, score) or {}) do
        strike_out(key, score, page, gone, done)
      end
    end
  end
end

-- Those that have ended are filed by state and task. `ended` names the tasks of which there are any.
local file_ended, unfile_ended
do

local came = {}

local function name_tasks()
  for task in pairs(came) do call('ZADD', T .. ':ended', 0, task) end
end

function file_ended(state, task, ids, at)
  file('done:' .. state .. ':' .. task, ids, at)
  if not next(came) then at_the_end[#at_the_end + 1] = name_tasks end
  came[task] = true
end

-- `gone` is task -> state -> id -> when it ended.
function unfile_ended(gone)
  for task, states in pairs(gone) do
    for state, ids in pairs(states) do unfile('done:' .. state .. ':' .. task, ids) end
    local done = T .. ':done:'
    local keys = { done .. 'completed:' .. task, done .. 'failed:' .. task, done .. 'cancelled:' .. task }
    if call('EXISTS', unpack(keys)) == 0 then call('ZREM', T .. ':ended', task) end
  end
end

end
