-- with: runs, opening
-- Read what a claim for a queue would look at. ARGV: now, queue, limit, how many running jobs, and how many lanes and
-- jobs in all. Answers now, clock, what is steered, then three packed lists: lanes and their jobs, standings by name,
-- running jobs; and whether there is more.

local queue, limit, most, bound = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- An array of five.
local FIVE = '\149'

local lists, gates, tenants, more = {}, {}, {}, 0

local function add_gates(list)
  for _, gate in ipairs(list) do gates[#gates + 1] = gate end
end

-- Jobs of a line: id, rank, seq, costs and, where jobs have no lane, task of each.
local function read_jobs(key, is_plain)
  local told, jobs = call('ZRANGE', key, 0, math.min(limit, bound), 'WITHSCORES'), {}
  bound = math.max(1, bound - #told / 2)
  for i = 1, #told, 2 do
    local entry, spec = told[i], nil
    if has(entry, HAS_COSTS) or is_plain and steered().tasks then
      spec = cmsgpack.unpack(call('GET', T .. ':job:' .. id_in(entry)):sub(30))
    end
    jobs[#jobs + 1] = FIVE
      .. cmsgpack.pack(id_in(entry), tonumber(told[i + 1]), seq_in(entry), spec and spec[17], spec and spec[1])
  end
  return jobs
end

local function add_lane(tenant, text, key)
  local jobs = read_jobs(key, text == '')
  if #jobs == 0 then return end
  tenants[tenant] = tenants[tenant] or paid_by(queue, tenant)
  lists[#lists + 1] = { tenant, tenants[tenant], text, jobs }
end

local texts = lanes_in(queue)
if #texts > bound then more = 1 end
for i = 1, math.min(#texts, bound) do
  local lane = read_lane(texts[i])
  add_lane(lane.tenant, texts[i], line_of(queue, texts[i]))
  add_gates(gates_before(queue, lane))
end
add_lane('', '', T .. ':ready:' .. queue)
for target, said in pairs(steered().targets) do
  if said.limit then gates[#gates + 1] = { name = target } end
end

local function read_standings()
  local found, names = {}, {}
  look_up(gates)
  for _, gate in ipairs(gates) do
    local standing = standings[gate.name]
    if not names[gate.name] then
      names[gate.name] = true
      local used, mark, till, spacing, spaced_until, holder = unpack(standing)
      found[#found + 1] = '\151' .. cmsgpack.pack(gate.name, used, mark, till, spacing, spaced_until, holder)
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
