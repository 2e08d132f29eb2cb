-- Unique keys. `unique` is key -> who holds it. `kept` has, by the instant until which, those that are held for their time
-- alone: after it, who wants such a key may have it. `starting` is id -> "instant:key" of those who give theirs up when
-- they start.

local function forget_key(key)
  call('HDEL', T .. ':unique', key)
  call('ZREM', T .. ':kept', key)
end

-- Who has a unique key.
local function holder_of(key)
  local id = call('HGET', T .. ':unique', key)
  local till = id and call('ZSCORE', T .. ':kept', key)
  if till and tonumber(till) <= now then
    forget_key(key)
    return nil
  end
  return id or nil
end

-- The instant until which a key is held whatever becomes of its job; 0: none.
local function held_till(created_at, unique_for)
  return unique_for and created_at + unique_for or 0
end

local function hold_key(id, key, unique_until, till)
  call('HSET', T .. ':unique', key, id)
  call('ZREM', T .. ':kept', key)
  if unique_until == 'started' then call('HSET', T .. ':starting', id, digits(till) .. ':' .. key) end
end

-- Give a key away, if it is this job's; until then it keeps it.
local function give_key(id, key, till)
  if call('HGET', T .. ':unique', key) ~= id then return end
  if till > now then call('ZADD', T .. ':kept', digits(till), key) else forget_key(key) end
end

-- The same for a job that has ended or is gone.
local function give_up_key(job, till)
  if not job.unique_key then return end
  if job.unique_until == 'started' then call('HDEL', T .. ':starting', job.id) end
  give_key(job.id, job.unique_key, till)
end

-- Some of these may give their keys up, since they start.
local function start(ids)
  if #ids == 0 or call('EXISTS', T .. ':starting') == 0 then return end
  local started = {}
  for i, told in ipairs(answers(ids, 'HMGET', T .. ':starting')) do
    if told then
      local till, key = told:match('^(%d+):(.*)$')
      give_key(ids[i], key, tonumber(till))
      started[#started + 1] = ids[i]
    end
  end
  spread(started, 'HDEL', T .. ':starting')
end
