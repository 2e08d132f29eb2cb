-- with: tags, pages, unique
-- Keep new jobs. ARGV: now, the seq before the first (empty: count here), the plan, then id and spec of each in turn.
-- The plan (`newcomers.py`) names jobs by their number in this call. Answers how many queues woke, then number and id
-- of each newcomer for whom another stands, and whether that one has changed.

local before, plan = tonumber(ARGV[2]), cmsgpack.unpack(ARGV[3])
local distinct, runs, apart, unique, expiring, lists, shifts = unpack(plan)
local number = (#ARGV - 3) / 2
before = before or call('INCRBY', T .. ':seq', number) - number

-- In a cluster jobs of other queues may have come in between; then the shifts say where each stood.
local function seq_of(i) return before + (shifts[i] or i) end

local function id_of(i) return ARGV[2 * i + 2] end
local function key_of(i) return T .. ':job:' .. ARGV[2 * i + 2] end

local stands, ids, numbers, specs = {}, {}, {}, {}

-- Write down who is new, with time and seq in front of its spec; this is most of what adding costs.
local function prepare()
  local ARGV, ids, specs, format = ARGV, ids, specs, format
  local created_at, job, n = format('%013d', now), T .. ':job:', 0
  for i = 1, number do
    if not stands[i] then
      local id, seq = ARGV[2 * i + 2], before + (shifts[i] or i)
      if n % PAGE == 0 then numbers[n + 1] = seq end
      n = n + 1
      ids[n] = id
      specs[2 * n - 1] = job .. id
      specs[2 * n] = created_at .. format('%016d', seq) .. ARGV[2 * i + 3]
    end
  end
end

-- Most often nobody is there: then all are kept in one step.
local function keep_all()
  if not distinct or 2 * number > MOST then return false end
  for _, each in ipairs(unique) do
    if call('HEXISTS', T .. ':unique', each[2]) == 1 then return false end
  end
  prepare()
  return call('MSETNX', unpack(specs)) == 1
end

-- Look at each in turn: those before it in this call count.
local function find_who_stands()
  local wanted, taken_by, added = {}, {}, {}
  for _, each in ipairs(unique) do wanted[each[1]] = each[2] end
  for i = 1, number do
    local id, key = id_of(i), wanted[i]
    if added[id] or call('EXISTS', key_of(i)) == 1 then
      stands[i] = id
    else
      stands[i] = key and (taken_by[key] or holder_of(key)) or nil
      if not stands[i] then
        added[id] = true
        if key then taken_by[key] = id end
      end
    end
  end
end

if not keep_all() then
  find_who_stands()
  ids, numbers, specs = {}, {}, {}
  prepare()
  for first, last in pieces(specs) do call('MSET', unpack(specs, first, last)) end
end
file('all', ids, numbers)

-- Let those of these numbers that are new wait in one queue, all with one priority and one lane.
local function queue_up(queue, priority, lane, costs, first, last)
  local rank, flags, entries, n = now - priority * AGEING, costs and HAS_COSTS or 0, {}, 0
  local score, pack, shifts = digits(rank), struct.pack, shifts
  for i = first, last do
    if not stands[i] then
      n = n + 1
      local entry = pack('>I6', (before + (shifts[i] or i)) * 4 + flags) .. ARGV[2 * i + 2]
      if lane then entries[n] = entry else entries[2 * n - 1], entries[2 * n] = score, entry end
    end
  end
  if n == 0 then return end
  if lane then join_lane(queue, lane, rank, entries) else line_up(queue, entries) end
  count(queue, 'queued', n)
end

-- Those that are ready at once, in runs of one queue, priority and lane.
for _, run in ipairs(runs) do
  local queue, priority, first, last, lane, costs = unpack(run, 1, 6)
  queue_up(queue, priority, lane, costs, first, last)
end

local function set_apart(i, queue, task, priority, due_at, due_in, held, lane, costs)
  local due = due_in and now + due_in or due_at
  if held then
    local name = #held .. ':' .. held .. task
    call('HSET', T .. ':held', id_of(i), name)
    call('SADD', T .. ':held:' .. name, id_of(i))
    call('SADD', T .. ':shelves', name)
    count(queue, 'held', 1)
  elseif due and due > now then
    call('ZADD', T .. ':due', digits(due), id_of(i))
    count(queue, 'scheduled', 1)
  else
    queue_up(queue, priority, lane, costs, i, i)
  end
end

for _, each in ipairs(apart) do
  if not stands[each[1]] then set_apart(unpack(each, 1, 9)) end
end
for _, each in ipairs(unique) do
  local i, key, unique_until, unique_for = unpack(each, 1, 4)
  if not stands[i] then hold_key(id_of(i), key, unique_until, held_till(now, unique_for)) end
end
for _, each in ipairs(expiring) do
  if not stands[each[1]] then call('ZADD', T .. ':expiring', digits(now + each[2]), id_of(each[1])) end
end
for _, each in ipairs(lists) do
  local listed, at = {}, {}
  for _, i in ipairs(each[2]) do
    if not stands[i] then listed[#listed + 1], at[#at + 1] = id_of(i), seq_of(i) end
  end
  if #listed > 0 then file(each[1], listed, at) end
end

-- Those for whom another stands may bring something: `replace` lets that one take it over.
local function replace_all(replace)
  local changed = {}
  for _, each in ipairs(unique) do
    local i, conflict = each[1], each[5]
    if conflict and stands[i] and stands[i] ~= id_of(i) then
      changed[i] = replace(stands[i], cmsgpack.unpack(ARGV[2 * i + 3]), conflict)
    end
  end
  return changed
end

local function answer(changed)
  local told = { close_books() }
  for i = 1, number do
    if stands[i] then
      told[#told + 1] = i
      told[#told + 1] = stands[i]
      told[#told + 1] = changed[i] and 1 or 0
    end
  end
  return told
end
