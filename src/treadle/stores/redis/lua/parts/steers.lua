-- with: records
-- What is steered, as scripts read it: one value, made of the records anew whenever one of them changes. In a cluster
-- each shard has a copy, which knows by its number whether it is the newest.

local function plain(value)
  if value == cjson.null then return nil end
  return value
end

local function read_steer(told)
  local said = cjson.decode(told:match('^%d+:(.*)$'))
  return {
    paused = plain(said.paused), limit = plain(said.limit), weight = plain(said.weight) or 1,
    declared = plain(said.declared),
  }
end

-- Keep it, and say to plain cycles whether jobs without a lane are concerned.
local function keep_steering(number, targets)
  local for_all = false
  for target in pairs(targets) do
    for_all = for_all or target:sub(1, 6) == 'queue=' or target:sub(1, 5) == 'task='
  end
  call('SET', T .. ':steer', cmsgpack.pack({ number, targets }))
  call(for_all and 'SADD' or 'SREM', T .. ':flow', 'all')
end

local function steering_number()
  local told = call('GET', T .. ':steer')
  return told and cmsgpack.unpack(told)[1] or 0
end

-- Make it of the records.
local function gather_steering()
  local records, targets = call('HGETALL', T .. ':records:steer'), {}
  for i = 1, #records, 2 do targets[records[i]] = read_steer(records[i + 1]) end
  keep_steering(steering_number() + 1, targets)
end

-- Set a record of any kind.
local function write_record(kind, key, expect, value)
  local done = set_record(kind, key, expect, value)
  if done == 1 and kind == 'steer' then gather_steering() end
  return done
end
