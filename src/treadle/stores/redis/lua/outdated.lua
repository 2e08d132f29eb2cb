-- with: pages
-- Name jobs that may go, of each task the longest ended first. Nothing is changed. ARGV: now, the task to begin behind
-- (empty: with the first), how many tasks to look at, how many jobs to name, how many last runs of each task stay, then
-- how old jobs must be, by state and by task and state. Answers behind which task to go on (empty: that was all), then
-- ids.

local behind, some, left, runs = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ages, own = unpack(cmsgpack.unpack(ARGV[6]))
local STATES = { 'completed', 'failed', 'cancelled' }
local PAGES = 8

local function key_of(state, task)
  return T .. ':done:' .. state .. ':' .. task
end

-- Up to which end jobs are old enough; nil: none ever is.
local function old_end(state, task)
  local age = own[task] and own[task][state] or ages[state]
  return age and now - age
end

local function is_due(task)
  for _, state in ipairs(STATES) do
    local newest = old_end(state, task)
    if newest and #call('ZRANGEBYSCORE', key_of(state, task), '-inf', digits(newest), 'LIMIT', 0, 1) > 0 then
      return true
    end
  end
  return false
end

-- Ends and numbers of jobs of the newest pages, until there are as many as are kept.
local function add_last(ends, key)
  local number, skip, pages = 0, 0, nil
  repeat
    pages = call('ZREVRANGE', key, skip, skip + PAGES - 1, 'WITHSCORES')
    for i = 1, #pages, 2 do
      local size = #cmsgpack.unpack(pages[i])
      ends[#ends + 1], number = { tonumber(pages[i + 1]), size }, number + size
    end
    skip = skip + PAGES
  until number >= runs or #pages < 2 * PAGES
end

-- When the first of the last runs ended; nil: there have not been so many.
local function end_of_last_runs(task)
  if runs == 0 then return math.huge end
  local ends, number = {}, 0
  for _, state in ipairs(STATES) do add_last(ends, key_of(state, task)) end
  table.sort(ends, function(one, other) return one[1] > other[1] end)
  for _, each in ipairs(ends) do
    number = number + each[2]
    if number >= runs then return each[1] end
  end
end

-- Ids of the oldest pages up to this end, until there are as many as are asked for.
local function add_old(found, key, newest)
  local number, skip, pages = 0, 0, nil
  repeat
    pages = call('ZRANGEBYSCORE', key, '-inf', digits(newest), 'WITHSCORES', 'LIMIT', skip, PAGES)
    for i = 1, #pages, 2 do
      for _, id in ipairs(cmsgpack.unpack(pages[i])) do
        number = number + 1
        found[#found + 1] = { tonumber(pages[i + 1]), #found, id }
      end
    end
    skip = skip + PAGES
  until number >= left or #pages < 2 * PAGES
end

local function is_before(one, other)
  return one[1] < other[1] or one[1] == other[1] and one[2] < other[2]
end

local function oldest_of(task, last)
  local found = {}
  for _, state in ipairs(STATES) do
    local newest = old_end(state, task)
    if newest then add_old(found, key_of(state, task), math.min(newest, last - 1)) end
  end
  table.sort(found, is_before)
  return found
end

local tasks = call('ZRANGEBYLEX', T .. ':ended', behind == '' and '-' or '(' .. behind, '+', 'LIMIT', 0, some)
local answer = { #tasks == some and tasks[some] or '' }
for _, task in ipairs(tasks) do
  local last = left > 0 and is_due(task) and end_of_last_runs(task)
  for _, each in ipairs(last and oldest_of(task, last) or {}) do
    if left > 0 then answer[#answer + 1], left = each[3], left - 1 end
  end
end
return answer
