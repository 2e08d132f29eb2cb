-- with: keys
-- Taking a unique key, and giving it up.

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

-- A job that has ended, or is gone, gives its key away.
local function give_up_key(job, till)
  if not job.unique_key then return end
  if job.unique_until == 'started' then call('HDEL', T .. ':starting', job.id) end
  give_key(job.id, job.unique_key, till)
end
