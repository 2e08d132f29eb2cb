-- What every cycle does. ARGV: now, worker, want, the plan (`endings.py`), then for each group of completions its ids
-- and its lives in turn. Answers now, lost ids, leased, woken queues, then the claims: ids, specs, the stamp of those
-- that have no life, and for each that has one its number, stamp and life.

local worker, want, plan = ARGV[2], tonumber(ARGV[3]), cmsgpack.unpack(ARGV[4])
local queues, groups, others, reports = unpack(plan)
local run = run_of(worker)
local lost = {}

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
local function held_under(id, stamp)
  local who, own = holder(id, worker)
  if who and is_current(own, stamp) then return who, own end
  if who or not was_settled(id, stamp) then lost[#lost + 1] = id end
end

-- Completions that have queue, stamp and the time to live of their results in common: the way that most jobs end.
local function complete(group, at)
  local queue, stamp, kept, number, unique = unpack(group, 1, 5)
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
      if who == worker then mine[#mine + 1] = id else call('HDEL', run_of(who), id) end
    end
  end
  for first, last in pieces(lives) do call('MSET', unpack(lives, first, last)) end
  spread(mine, 'HDEL', run)
  if n > 0 then
    file('done:completed', ids, now)
    if kept then file('results', ids, now + kept) end
    count(queue, 'running', -n)
    count(queue, 'completed', n)
  end
  for _, each in ipairs(unique) do
    if written[each[1]] then free(each[2], asked[each[1]]) end
  end
  return at + 2 * number
end

local function complete_all()
  local at = 4
  for _, group in ipairs(groups) do at = complete(group, at) end
end

-- How many to take of each of these queues so that together they are the best, then the oldest.
local function share(waiting)
  local heads, at, shares = {}, {}, {}
  for q, queue in ipairs(waiting) do
    heads[q], at[q], shares[q] = call('ZRANGE', T .. ':ready:' .. queue, 0, want - 1, 'WITHSCORES'), 2, 0
  end
  for _ = 1, want do
    local best, least
    for q in ipairs(waiting) do
      local score = tonumber(heads[q][at[q]])
      if score and (not least or score < least) then best, least = q, score end
    end
    if not best then break end
    at[best], shares[best] = at[best] + 2, shares[best] + 1
  end
  return shares
end

local ids, specs, odd = {}, {}, {}
local stamp = stamp_of(1, 1, 0, now)

-- Give the stamp of a job that may have a life.
local function stamp_odd(n, id)
  local attempt, epoch, crashes, life = read_numbers(id)
  if not life then return stamp end
  local own = stamp_of(epoch + 1, attempt + 1, crashes, now)
  odd[#odd + 1], odd[#odd + 2], odd[#odd + 3] = n, own, life
  return own
end

-- Take so many of a queue: entries for the run, keys of their specs. An odd place may tell of a life.
local function take_from(queue, number, entries, keys)
  local popped = call('ZPOPMIN', T .. ':ready:' .. queue, number)
  local job, n = T .. ':job:', #ids
  for i = 1, #popped, 2 do
    local id = popped[i]
    n = n + 1
    ids[n], keys[n] = id, job .. id
    entries[2 * n - 1], entries[2 * n] = id, popped[i + 1]:byte(-1) % 2 == 0 and stamp or stamp_odd(n, id)
  end
  count(queue, 'queued', -#popped / 2)
  count(queue, 'running', #popped / 2)
end

local function claim()
  local waiting, entries, keys = {}, {}, {}
  for _, queue in ipairs(queues) do
    if call('EXISTS', T .. ':ready:' .. queue) == 1 then waiting[#waiting + 1] = queue end
  end
  local shares = #waiting > 1 and share(waiting) or { want }
  for q, queue in ipairs(waiting) do
    if shares[q] > 0 then take_from(queue, shares[q], entries, keys) end
  end
  spread(entries, 'HSET', run)
  if #ids > 0 and call('EXISTS', T .. ':expiring') == 1 then spread(ids, 'ZREM', T .. ':expiring') end
  specs = answers(keys, 'MGET')
end

local function claim_and_answer()
  local leased = want == 0 or #queues == 0 or has_lease(worker)
  if leased and want > 0 then claim() end
  return { now, lost, leased and 1 or 0, close_books(), ids, specs, stamp, odd }
end
