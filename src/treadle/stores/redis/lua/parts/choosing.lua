-- with: opening
-- The claim's decision, as `core/flow/choosing.py` has it: whose turn it is, and whether the gates before the first job of
-- a lane let it pass. It reads as it goes, writes nothing, and leaves what it has decided in a choice.

local PLAIN = ''

-- The rest is known in here alone, for Lua has room for two hundred names.
local make_line, choose
do

-- Lanes that one script finds shut at most, and how many it has.
local LOOKED_AT = 300
local looked = 0

local function make_row(queue)
  return function(entry, rank)
    local seq = struct.unpack('>I6', entry)
    local text = entry:sub(7)
    return {
      queue = queue, text = text, start = 0, rank = rank, seq = seq, first = seq,
      key = line_of(queue, text), jobs = {}, at = 1, from = 0, step = 2,
    }
  end
end

-- The job that is the first of a row now; nil: there is none.
local function job_in(row)
  local job = row.jobs[row.at]
  if job or row.ended then return job end
  local told = call('ZRANGE', row.key, row.from, row.from + row.step - 1, 'WITHSCORES')
  row.ended = #told < 2 * row.step
  row.from, row.step = row.from + row.step, math.min(64, row.step * 4)
  for i = 1, #told, 2 do
    row.jobs[#row.jobs + 1] = { entry = told[i], rank = tonumber(told[i + 1]), seq = seq_in(told[i]) }
  end
  return row.jobs[row.at]
end

local function make_tenant(queue, name, start, rank, seq, turn)
  return {
    name = name, start = start, rank = rank, seq = seq, turn = turn,
    rows = source_of(lanes_of(queue, name), make_row(queue)),
  }
end

-- The tenant of those without a tenant, beside whose lanes the jobs stand that have none.
local function nobody(line)
  local queue = line.queue
  local plain = {
    queue = queue, text = PLAIN, start = 0, key = T .. ':ready:' .. queue, jobs = {}, at = 1, from = 0, step = 2,
  }
  local job = job_in(plain)
  if not job then return nil end
  local tenant = make_tenant(queue, '', math.max(paid_by(queue, ''), line.clock))
  plain.rank, plain.seq = job.rank, job.seq
  local lane = first_in(tenant.rows)
  tenant.turn = lane and turn_entry(lane.rank, lane.seq, '') or false
  push(tenant.rows.heap, plain)
  local first = first_in(tenant.rows)
  tenant.rank, tenant.seq = first.rank, first.seq
  return tenant
end

-- A queue with those whose turn it is; `known`: of so many jobs without a lane it is known that their tasks are not
-- steered.
function make_line(queue, number, left, known)
  local line = { queue = queue, number = number, left = left, clock = clock_of(queue), known = known }
  local special = nobody(line)
  line.turns = source_of(T .. ':turns:' .. queue, function(entry, start)
    local tenant = entry:sub(14)
    if special and tenant == '' then return nil end
    local rank, seq = struct.unpack('>I7I6', entry)
    return make_tenant(queue, tenant, start, rank - BIAS, seq, entry)
  end)
  if special then push(line.turns.heap, special) end
  return line
end

-- What a job costs at its own gates, which are the last of these; an operator's cost one.
local function read_costs(entry, lane)
  if not lane or not has(entry, HAS_COSTS) then return {} end
  local spec = call('GET', T .. ':job:' .. id_in(entry))
  return cjson.decode(cmsgpack.unpack(spec:sub(30))[17])
end

-- Ask all gates before the first job of a row. Answers the first that is shut, and until when; or nil, and the gates with
-- what they are once the job has entered.
local function ask_all(queue, row, job)
  local lane = row.text ~= PLAIN and read_lane(row.text)
  local paused = lane and paused_by(queue, lane)
  if paused then return paused end
  local gates = lane and gates_before(queue, lane) or caps(queue)
  look_up(gates)
  local id, costs, own = id_in(job.entry), read_costs(job.entry, lane), #gates - (lane and #lane.gates or #gates)
  local after = {}
  for i, gate in ipairs(gates) do
    local cost, before = costs[i - own] or 1, standing_of(gate)
    local till = ask(gate, before, id, cost)
    if till ~= PASSES then return gate.name, till ~= SHUT and till or nil end
    after[i] = enter(gate, before, id, cost)
  end
  return nil, nil, gates, after
end

local function is_known(choice, line, row)
  if row.text == PLAIN and line.known and row.at > line.known then choice.cut = true end
  return not choice.cut
end

-- Note that the first job of a tenant's row must wait.
local function shut(choice, tenant, row, gate, till)
  choice.rows[row], row.turn = true, tenant.turn
  choice.shut[#choice.shut + 1] = row
  row.gate, row.till, looked = gate, till, looked + 1
end

-- Put a tenant back where its turn is next, unless it has no more to run.
local function put_back(line, tenant)
  local row = first_in(tenant.rows)
  if row then
    tenant.rank, tenant.seq = row.rank, row.seq
    push(line.turns.heap, tenant)
  end
end

-- See that what a queue puts forward may run: so the order of queues is that of jobs that may.
local function shut_first(choice, line)
  local tenant = first_in(line.turns)
  while tenant and looked <= LOOKED_AT do
    local row = first_in(tenant.rows)
    if not is_known(choice, line, row) then return end
    local gate, till = ask_all(line.queue, row, job_in(row))
    if not gate then return end
    take_first_in(line.turns)
    take_first_in(tenant.rows)
    shut(choice, tenant, row, gate, till)
    put_back(line, tenant)
    tenant = first_in(line.turns)
  end
end

-- Take the best job of a tenant, or shut its lane; answer how many were taken.
local function try_first(choice, line, tenant)
  local row = take_first_in(tenant.rows)
  if not is_known(choice, line, row) then return 0 end
  local job = job_in(row)
  local gate, till, gates, after = ask_all(line.queue, row, job)
  if gate then
    shut(choice, tenant, row, gate, till)
    return 0
  end
  for i, each in ipairs(gates) do change(each, after[i]) end
  choice.rows[row], row.turn = true, tenant.turn
  choice.taken[#choice.taken + 1] = job
  job.queue = line.queue
  row.at = row.at + 1
  local next = job_in(row)
  if next then
    row.rank, row.seq = next.rank, next.seq
    push(tenant.rows.heap, row)
  else
    choice.emptied[#choice.emptied + 1] = row
  end
  return 1
end

-- Let the tenant whose turn it is have up to a run of jobs, as long as no other queue's is better.
local function serve_turn(choice, line, other, most, a_run)
  local tenant = take_first_in(line.turns)
  local start, served = tenant.start, 0
  local row = first_in(tenant.rows)
  while row and served < a_run and #choice.taken < most and looked <= LOOKED_AT do
    if served > 0 and other and goes_before(other, { after = line.left == 0, rank = row.rank, seq = row.seq }) then
      break
    end
    local taken = try_first(choice, line, tenant)
    served = served + taken
    if line.left and line.left > 0 then line.left = line.left - taken end
    if choice.cut or served == 0 then break end
    row = first_in(tenant.rows)
  end
  if served > 0 then
    local said = steered().targets['tenant=' .. tenant.name] or NOTHING_SAID
    tenant.start = start + math.floor(served * TURN / math.max(1, said.weight))
    line.clock = math.max(line.clock, start)
    choice.tenants[tenant], choice.lines[line] = line.queue, true
  end
  put_back(line, tenant)
end

-- The line whose head is the best, and the head of the best other.
local function best_of(lines)
  local best, head, other
  for _, line in ipairs(lines) do
    local first = first_in(line.turns)
    if first then
      local place = { after = line.left == 0, rank = first.rank, seq = first.seq }
      if not best or goes_before(place, head) then
        best, head, other = line, place, head
      elseif not other or goes_before(place, other) then
        other = place
      end
    end
  end
  return best, other
end

-- Choose up to so many jobs of these lines; `a_run`: what a tenant gives one after the other.
function choose(lines, most, a_run)
  local choice = { taken = {}, shut = {}, emptied = {}, rows = {}, tenants = {}, lines = {}, cut = false }
  while #choice.taken < most and not choice.cut do
    for _, line in ipairs(#lines > 1 and lines or {}) do shut_first(choice, line) end
    if looked > LOOKED_AT then choice.cut, choice.full = true, true end
    local line, other = best_of(lines)
    if not line or choice.cut then break end
    serve_turn(choice, line, other, most, a_run)
  end
  return choice
end

end
