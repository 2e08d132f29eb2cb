-- with: waiting, runs, jobs
-- Do what time demands. ARGV: now, worker, limit, take. Answers promoted, expired, ms until the next is due (-1: none),
-- woken queues, then id, stamp, spec and life of each claim taken over, in turn.

local worker, limit, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- Queues whose tenants are looked at in one sweep, and pages of gates.
local TIDIED = 100

local function come(index)
  return call('ZRANGEBYSCORE', T .. ':' .. index, '-inf', digits(now), 'LIMIT', 0, limit)
end

local function expire()
  local late = come('expiring')
  for _, id in ipairs(late) do
    local job = look(id)
    if job and take(job) then finish_waiting(job, 'failed', 'expired') else call('ZREM', T .. ':expiring', id) end
  end
  return #late
end

local function promote()
  local due = come('due')
  for _, id in ipairs(due) do
    local job = look(id)
    if job and take(job) then
      job.queued_at = now
      keep(job)
      put(job, 'queued')
    else
      call('ZREM', T .. ':due', id)
    end
  end
  return #due
end

-- A crash is counted unless the claim was a sweeper's, who died before it settled.
local function take_over(id, from)
  local old = read_stamp(call('HGET', run_of(from), id))
  local stamp = stamp_of(old.epoch + 1, old.attempt, old.crashes + (old.taken and 0 or 1), old.started_at)
  stamp = stamp .. ' taken' .. (old.stop and STOP or '')
  call('HDEL', run_of(from), id)
  call('HSET', run_of(worker), id, stamp)
  return { id, stamp, call('GET', T .. ':job:' .. id), call('GET', T .. ':life:' .. id) }
end

-- Only who holds a lease may take: were it to die unknown, nobody would find what it took.
local function take_over_all(answer)
  local left = most > 0 and has_lease(worker) and most or 0
  for _, dead in ipairs(call('ZRANGEBYSCORE', T .. ':workers', '-inf', digits(now))) do
    for _, id in ipairs(left > 0 and call('HKEYS', run_of(dead)) or {}) do
      if left == 0 then break end
      left = left - 1
      for _, each in ipairs(take_over(id, dead)) do answer[#answer + 1] = each end
    end
  end
end

local function forget_workers()
  for _, dead in ipairs(call('ZRANGEBYSCORE', T .. ':workers', '-inf', digits(now))) do
    if dead ~= worker and call('EXISTS', run_of(dead)) == 0 then
      call('ZREM', T .. ':workers', dead)
      call('HDEL', T .. ':crew', dead)
    end
  end
end

local function drop_result(id)
  local job = look(id)
  if not job then return end
  job.result = nil
  keep(job)
end

-- Results whose time is over, page by page.
local function drop_results()
  local left = limit
  while left > 0 do
    local page = call('ZRANGEBYSCORE', T .. ':results', '-inf', digits(now), 'LIMIT', 0, 1)[1]
    if not page then return end
    local gone = {}
    for _, id in ipairs(cmsgpack.unpack(page)) do
      if left > 0 then
        left = left - 1
        drop_result(id)
        gone[id] = true
      end
    end
    strike_out(T .. ':results', call('ZSCORE', T .. ':results', page), page, gone, {})
  end
end

-- Forget those that are at rest; of the others it is known when to look again.
local function tidy_gates(page)
  local names, rested, later = { cmsgpack.unpack(page) }, {}, {}
  for i, told in ipairs(answers(names, 'HMGET', T .. ':gates')) do
    local idle = read_standing(told)[7]
    if idle and idle > now then
      add_idle(later, names[i], idle)
    elseif idle then
      rested[#rested + 1] = names[i]
    end
  end
  spread(rested, 'HDEL', T .. ':gates')
  call('ZREM', T .. ':idle', page)
  file_idle(later)
end

-- Unique keys whose time is over, gates at rest, tenants who have paid no more than whoever comes new.
local function tidy()
  for _, key in ipairs(come('kept')) do forget_key(key) end
  local pages = call('ZRANGEBYSCORE', T .. ':idle', '-inf', digits(now), 'LIMIT', 0, TIDIED)
  for _, page in ipairs(pages) do tidy_gates(page) end
  local some = call('EXISTS', T .. ':clocks') == 1 and call('HRANDFIELD', T .. ':clocks', TIDIED, 'WITHVALUES') or {}
  for i = 1, #some, 2 do
    local paid = T .. ':paid:' .. some[i]
    spread(call('ZRANGEBYSCORE', paid, '-inf', some[i + 1], 'LIMIT', 0, limit), 'ZREM', paid)
  end
end

local function next_due()
  local first = call('ZRANGE', T .. ':due', 0, 0, 'WITHSCORES')[2]
  return first and math.max(0, tonumber(first) - now) or -1
end

local expired = expire()
local promoted = promote()
local answer = { promoted, expired, 0, 0 }
take_over_all(answer)
forget_workers()
drop_results()
tidy()
answer[3], answer[4] = next_due(), close_books()
return answer
