-- What is known of jobs, all of it of one moment; Python makes sense of it (`rows.py`).

local FINAL_STATES = { c = 'completed', f = 'failed', x = 'cancelled' }

local function named(kind, ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = T .. kind .. id end
  return keys
end

-- 0: it is not there, which should not be.
local function seq_of(id)
  return tonumber(call('GETRANGE', T .. ':job:' .. id, 13, 28)) or 0
end

-- Where live jobs are: id -> {state, stamp or reason, worker}.
local function locate(ids)
  local found = {}
  if #ids == 0 then return found end
  local running = holders(ids)
  local due, held = answers(ids, 'ZMSCORE', T .. ':due'), answers(ids, 'HMGET', T .. ':held')
  for i, id in ipairs(ids) do
    if running[id] then
      found[id] = { 'running', running[id][2], running[id][1] }
    elseif due[i] then
      found[id] = { 'scheduled' }
    elseif held[i] then
      local length, rest = held[i]:match('^(%d+):(.*)$')
      found[id] = { 'held', rest:sub(1, tonumber(length)) }
    else
      found[id] = { 'queued' }
    end
  end
  return found
end

-- The same for any jobs; `letters` are those that their lives begin with.
local function places(ids, letters)
  local live, final = {}, {}
  for i, id in ipairs(ids) do
    local state = FINAL_STATES[letters[i]]
    if state then final[id] = { state } else live[#live + 1] = id end
  end
  local found = locate(live)
  for id, place in pairs(final) do found[id] = place end
  return found
end

-- {id, spec, life, state, stamp or reason, worker, progress} of each that is there.
local function pictures(ids)
  local specs, lives = answers(named(':job:', ids), 'MGET'), answers(named(':life:', ids), 'MGET')
  local progress, letters, found = answers(named(':progress:', ids), 'MGET'), {}, {}
  for i, life in ipairs(lives) do letters[i] = life and life:sub(1, 1) end
  local where = places(ids, letters)
  for i, id in ipairs(ids) do
    local state, detail, worker = unpack(where[id], 1, 3)
    if specs[i] then
      found[#found + 1] = { id, specs[i], lives[i], state, detail or false, worker or false, progress[i] }
    end
  end
  return found
end

-- The same with the attempts and the log lines that are remembered.
local function whole(ids)
  local found = pictures(ids)
  for _, picture in ipairs(found) do
    picture[8] = call('LRANGE', T .. ':tries:' .. picture[1], 0, -1)
    picture[9] = call('LRANGE', T .. ':log:' .. picture[1], 0, -1)
  end
  return found
end
