-- Unique keys. `unique` is key -> who holds it. `kept` has, by the instant until which, those that are held for their
-- time alone: after it, who wants such a key may have it. `starting` is id -> "instant:key" of those who give theirs
-- up when they start.

local function forget_key(key)
  call('HDEL', T .. ':unique', key)
  call('ZREM', T .. ':kept', key)
end

-- Give a key away, if it is this job's; until then it keeps it.
local function give_key(id, key, till)
  if call('HGET', T .. ':unique', key) ~= id then return end
  if till > now then call('ZADD', T .. ':kept', digits(till), key) else forget_key(key) end
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
