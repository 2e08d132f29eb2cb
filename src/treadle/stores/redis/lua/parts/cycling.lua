-- with: tags, pages, runs, keys
-- What every cycle does. ARGV: now, worker, want, the plan (`endings.py`), then for each group of completions its ids
-- and its lives in turn. Answers now, lost ids, leased, woken queues, then the claims: ids, specs, the stamp of those
-- that have no life, and for each that has one its number, stamp and life. One word alone: ask
-- `flow_cycle.lua`, or `flow_settle.lua`.

local worker, want, plan = ARGV[2], tonumber(ARGV[3]), cmsgpack.unpack(ARGV[4])
local queues, groups, others, reports, shares = unpack(plan)
local run = run_of(worker)
local lost = {}

-- Hears of each job that this cycle has ended: its id, by which way it leaves its gates, and whether for good.
local note_ended

-- Whether lanes are open in these queues, or open by themselves, or an operator steers what has no lane, too.
local function concerns_flow()
  local flow = T .. ':flow'
  if call('EXISTS', flow) == 0 then return false end
  if call('SISMEMBER', flow, 'all') == 1 then return true end
  for _, queue in ipairs(want > 0 and queues or {}) do
    if call('SISMEMBER', flow, 'queue=' .. queue) == 1 then return true end
  end
  return false
end

-- The rest is known in here alone, for Lua has room for two hundred names.
local held_under, complete_all, ids, specs, begin, write_runs, answer
do

-- Attempt, epoch and crashes of a job; nil if it has no life yet.
local function read_numbers(id)
  local life = call('GET', T .. ':life:' .. id)
  if not life then return nil end
  local attempt, epoch, crashes = unpack(cmsgpack.unpack(life:sub(15)), 1, 3)
  return attempt, epoch, crashes, life
end

-- Who tells of an ending again, since the answer got lost, finds its epoch on a job that runs no more.
local function was_settled(id, stamp)
  local _, epoch = read_numbers(id)
  return epoch == read_stamp(stamp).epoch
end

-- Who holds it under this stamp; nil: nothing may be changed, and it is lost unless it was settled before.
function held_under(id, stamp)
  local who, own = holder(id, worker)
  if who and is_current(own, stamp) then return who, own end
  if who or not was_settled(id, stamp) then lost[#lost + 1] = id end
end

-- Completions that have queue, task, stamp and the time to live of their results in common: the way that most jobs end.
local function complete(group, at)
  local queue, stamp, kept, number, unique, task, ways = unpack(group, 1, 7)
  local asked, ids, mine, lives, written, n = {}, {}, {}, {}, {}, 0
  for i = 1, number do asked[i] = ARGV[at + i] end
  local own = answers(asked, 'HMGET', run)
  local life, head = T .. ':life:', 'c' .. format('%013d', now)
  for i = 1, number do
    local id = asked[i]
    local who = own[i] == stamp and worker or held_under(id, stamp)
    if who then
      n = n + 1
      ids[n], written[i] = id, true
      lives[2 * n - 1], lives[2 * n] = life .. id, head .. ARGV[at + number + i]
      if note_ended then note_ended(id, ways[i], true) end
      if who == worker then mine[#mine + 1] = id else call('HDEL', run_of(who), id) end
    end
  end
  for first, last in pieces(lives) do call('MSET', unpack(lives, first, last)) end
  spread(mine, 'HDEL', run)
  if n > 0 then
    file_ended('completed', task, ids, now)
    if kept then file('results', ids, now + kept) end
    count(queue, 'running', -n)
    count(queue, 'completed', n)
  end
  for _, each in ipairs(unique) do
    if written[each[1]] then give_key(asked[each[1]], each[2], each[3]) end
  end
  return at + 2 * number
end

function complete_all()
  local at = 4
  for _, group in ipairs(groups) do at = complete(group, at) end
end

ids, specs = {}, {}
local odd = {}
local stamp = stamp_of(1, 1, 0, now)

-- Give the stamp of a job that may have a life.
local function stamp_odd(n, id)
  local attempt, epoch, crashes, life = read_numbers(id)
  if not life then return stamp end
  local own = stamp_of(epoch + 1, attempt + 1, crashes, now)
  odd[#odd + 1], odd[#odd + 2], odd[#odd + 3] = n, own, life
  return own
end

-- Let the jobs of these entries, taken out of where they waited, begin: in `runs` what the worker's run is told, in
-- `keys` where their specs are.
function begin(taken, runs, keys)
  local job, n = T .. ':job:', #ids
  for i, entry in ipairs(taken) do
    local id = id_in(entry)
    n = n + 1
    ids[n], keys[#keys + 1] = id, job .. id
    runs[#runs + 1], runs[#runs + 2] = id, has(entry, HAS_LIFE) and stamp_odd(n, id) or stamp
  end
end

-- Write which jobs run now, and read what they are.
function write_runs(runs, keys)
  if #keys == 0 then return end
  spread(runs, 'HSET', run)
  if call('EXISTS', T .. ':expiring') == 1 then spread(ids, 'ZREM', T .. ':expiring') end
  start(ids)
  specs = answers(keys, 'MGET')
end

function answer(leased)
  return { now, lost, leased and 1 or 0, close_books(), ids, specs, stamp, odd }
end

end
