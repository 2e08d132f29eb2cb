-- with: runs, opening
-- Read what a claim for a queue would look at. ARGV: now, queue, limit, how many running jobs, and how many lanes and
-- jobs in all. Answers now, clock, what is steered, then three packed lists: lanes and their jobs, standings by name,
-- running jobs; and whether there is more.

local queue, limit, most, bound = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- An array of five.
local FIVE = '\149'

local lists, gates, tenants, more = {}, {}, {}, 0

local function add_gates(list)
  for i = 3, #list, 2 do gates[#gates + 1] = list[i] end
end

-- Jobs that wait without a lane, written as those in lanes are.
local function read_plain(key, last)
  local told, places = call('ZRANGE', key, 0, last, 'WITHSCORES'), {}
  for i = 1, #told, 2 do places[#places + 1] = place_of(tonumber(told[i + 1]), told[i]) end
  return places
end

-- Jobs of a line: id, rank, seq, costs and, where jobs have no lane, task of each.
local function read_jobs(key, is_plain)
  local last, jobs = math.min(limit, bound), {}
  local told = is_plain and read_plain(key, last) or call('ZRANGE', key, 0, last)
  bound = math.max(1, bound - #told)
  for i = 1, #told do
    local rank, entry, spec = read_place(told[i]), told[i]:sub(8), nil
    if has(entry, HAS_COSTS) or is_plain and steered().tasks then
      spec = cmsgpack.unpack(call('GET', T .. ':job:' .. id_in(entry)):sub(30))
    end
    jobs[#jobs + 1] = FIVE
      .. cmsgpack.pack(id_in(entry), rank, seq_in(entry), spec and spec[17], spec and spec[1])
  end
  return jobs
end

local function add_lane(tenant, text, key)
  local jobs = read_jobs(key, text == '')
  if #jobs == 0 then return end
  tenants[tenant] = tenants[tenant] or paid_by(queue, tenant)
  lists[#lists + 1] = { tenant, tenants[tenant], text, jobs }
end

local known = lanes_in(queue)
if #known / 2 > bound then more = 1 end
for i = 1, math.min(#known, 2 * bound), 2 do
  local digest, lane = known[i], known[i + 1]
  add_lane(lane[2], lane[1], line_of(queue, digest))
  add_gates(gates_before(queue, lane))
end
add_lane('', '', T .. ':ready:' .. queue)
for target, said in pairs(steered().targets) do
  if said.limit then gates[#gates + 1] = target end
end

local function read_standings()
  local found, names = {}, {}
  look_up(gates)
  for _, name in ipairs(gates) do
    local standing = standings[name]
    if not names[name] then
      names[name] = true
      local used, mark, till, spacing, spaced_until, holder = unpack(standing, 1, 6)
      found[#found + 1] = '\151' .. cmsgpack.pack(name, used, mark, till, spacing, spaced_until, holder)
    end
  end
  return found
end

local function read_running()
  local found = {}
  for _, worker in ipairs(workers()) do
    for _, id in ipairs(#found < most and call('HKEYS', run_of(worker)) or {}) do
      local text = #found < most and call('GET', T .. ':job:' .. id)
      local spec = text and cmsgpack.unpack(text:sub(30))
      if spec then found[#found + 1] = FIVE .. cmsgpack.pack(id, spec[2], spec[1], spec[11], spec[16]) end
    end
  end
  return found
end

return {
  digits(now), digits(clock_of(queue)), call('GET', T .. ':steer') or '', lists, read_standings(), read_running(), more,
}
