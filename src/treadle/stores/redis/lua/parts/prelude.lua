-- In front of every verb. A shard is all keys with one hash tag: a script may touch them all, and is one transaction.
-- KEYS[1] is the tag; ARGV[1] the time in milliseconds, or empty: then this server's clock decides. Behind the tag:
--
--   seq                     how many jobs were ever added: each has a number, its seq
--   job:<id>  life:<id>     what hardly ever changes of a job, and what has become of it since
--   progress:<id>  log:<id>  tries:<id>    how far it is, what it told, attempts that did not complete
--   ready:<queue>           who may run, by rank (`tags.lua`), of those without a lane
--   rows:<queue>  line:<lane>              what lanes are, and who waits there
--   lanes:<tenant>  turns:<queue>  paid:<queue>  clocks                    which are open, and whose turn it is
--   shut:<queue>  at:<gate, tenant>  halt:<gate>  opening:<queue>  waits   lanes whose first job must wait
--   gates  idle             what is remembered of gates, and until when
--   steer  flow             what is steered; for whom a cycle must look at lanes (`flowing.lua`)
--   due  expiring  results  by time: who waits for it, who must have started, pages of results that go then
--   held  held:<shelf>  shelves            who is held: on a shelf for each reason and task
--   run:<worker>            who runs, and under which stamp
--   workers  crew           leases, and whose they are
--   all  owner:<o>  tenant:<t>  batch:<b>  pages of jobs by seq
--   done:<state>:<task>     pages of final jobs by their end
--   ended                   tasks of which there are such
--   unique  kept  starting  who holds a unique key (`unique.lua`)
--   counts                  "state:queue" -> how many
--   records:<kind>  schema  queues
--   remains  erasing        in a cluster (`remains.py`): id of who is gone -> its seq; kind of records -> who erases it

local T = KEYS[1]
local call, format = redis.call, string.format

local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = tonumber(ARGV[1]) or clock()

-- Lua's own way of writing a number loses what is behind its fourteenth digit.
local function digits(number)
  return format('%d', number)
end

-- Where the memory is full a script may write on once it has written something that takes none. So what gives room, or
-- keeps what is known of work that was done, goes on, and only newcomers are refused.
local function go_on_when_full()
  call('UNLINK', T .. ':nothing')
end

-- Values that one call takes: Lua's stack ends at some thousand. Even, for pairs.
local MOST = 4000

local function pieces(values)
  local last, size = 0, #values
  return function()
    if last < size then
      local first = last + 1
      last = math.min(last + MOST, size)
      return first, last
    end
  end
end

-- The answers of a verb to many values, in order; without a key where the values are the keys.
local function answers(values, verb, key)
  local found = {}
  for first, last in pieces(values) do
    local part = key and call(verb, key, unpack(values, first, last)) or call(verb, unpack(values, first, last))
    if first == 1 then
      found = part
    else
      for i = 1, #part do found[#found + 1] = part[i] end
    end
  end
  return found
end

local function spread(values, verb, key)
  for first, last in pieces(values) do
    call(verb, key, unpack(values, first, last))
  end
end

-- (queue, state) -> how many came or went; written once, at the end.
local moved = {}

local function count(queue, state, by)
  local field = state .. ':' .. queue
  moved[field] = (moved[field] or 0) + by
end

-- What parts have to write at the end.
local at_the_end = {}

-- queue -> whether nothing was ready there before; the same of its open lanes.
local stirred, opened = {}, {}

-- Make jobs ready: rank, entry, rank, entry ...
local function line_up(queue, entries)
  local ready = T .. ':ready:' .. queue
  if stirred[queue] == nil then stirred[queue] = call('EXISTS', ready) == 0 end
  spread(entries, 'ZADD', ready)
end

local function write_counts()
  for field, by in pairs(moved) do
    if by ~= 0 and call('HINCRBY', T .. ':counts', field, by) == 0 then call('HDEL', T .. ':counts', field) end
  end
end

local CHANNEL = T:match('^{([^:}]+)') .. ':wake'

local function is_news(queue)
  return stirred[queue] and call('EXISTS', T .. ':ready:' .. queue) == 1
    or opened[queue] and call('EXISTS', T .. ':turns:' .. queue) == 1
end

-- Wake who waits, and tell for how many queues. Who waits got less than it wanted: its queues were empty then. So
-- only the first job that comes to an empty queue is news.
local function wake()
  local queues, woken = {}, 0
  for queue in pairs(stirred) do queues[queue] = true end
  for queue in pairs(opened) do queues[queue] = true end
  for queue in pairs(queues) do
    if is_news(queue) then
      redis.pcall('PUBLISH', CHANNEL, queue)
      woken = woken + 1
    end
  end
  return woken
end

local function close_books()
  for _, write in ipairs(at_the_end) do write() end
  write_counts()
  return wake()
end
