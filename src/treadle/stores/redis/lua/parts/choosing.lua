-- with: opening
-- The claim's decision, as `core/flow/choosing.py` has it: whose turn it is, and whether the gates before the first
-- job of a lane let it pass. It reads as it goes, enters gates, and leaves what else it has decided in a choice.

-- The rest is known in here alone, for Lua has room for two hundred names.
local make_line, choose
do

-- Lanes that one script finds shut at most, and how many it has.
local LOOKED_AT = 300
local looked = 0

-- Jobs of one tenant that are taken one after the other.
local a_run

-- A lane of which a job may be taken; `entry`: how it stands among the open ones. All that is told of it later has its
-- place from the start, for a table that grows is slow.
local function make_row(entry)
  local rank, seq = read_place(entry)
  return {
    start = 0, rank = rank, seq = seq, taken = 0, at = 1, entry = entry, digest = entry:sub(PLACE + 1), lane = false,
    jobs = false, key = false, step = 0, ended = false, visited = false,
  }
end

-- The jobs that wait without a lane, written as if they had one.
local function read_plain(row, step)
  local told, jobs = call('ZRANGE', row.key, row.taken, row.taken + step - 1, 'WITHSCORES'), {}
  for i = 1, #told, 2 do jobs[#jobs + 1] = place_of(tonumber(told[i + 1]), told[i]) end
  return jobs
end

-- See that the first job of a row is at hand, in `jobs` at `at`. Answers it; nil: there is none.
local function entry_in(row, queue)
  local jobs = row.jobs
  if jobs then
    local entry = jobs[row.at]
    if entry or row.ended then return entry end
  end
  row.key = row.key or line_of(queue, row.digest)
  -- Who passes no gate of its own may have a whole run; of others the next may well have to wait.
  local step = jobs and math.min(64, row.step * 4) or row.lane and row.lane[3] and 2 or a_run + 1
  if row.is_plain then
    jobs = read_plain(row, step)
  elseif step == 2 then
    jobs = call('ZRANGE', row.key, '0', '1')  -- to write numbers takes long
  else
    jobs = call('ZRANGE', row.key, row.taken, row.taken + step - 1)
  end
  row.jobs, row.step, row.at, row.ended = jobs, step, 1, #jobs < step
  return jobs[1]
end

-- The lanes of a tenant; most of those who are read are never asked for them.
local function rows_of(line, tenant)
  if not tenant.rows then
    tenant.name = tenant.name or tenant.turn:sub(PLACE + 1)
    tenant.rows = source_of(lanes_of(line.queue, tenant.name), math.max(2, math.min(16, a_run)), make_row)
  end
  return tenant.rows
end

-- The tenant of those without a tenant, beside whose lanes the jobs stand that have none.
local function nobody(line)
  local queue = line.queue
  local plain = { is_plain = true, start = 0, key = T .. ':ready:' .. queue, taken = 0, at = 1 }
  local entry = entry_in(plain)
  if not entry then return nil end
  plain.rank, plain.seq = read_place(entry)
  local tenant = { name = '', start = math.max(paid_by(queue, ''), line.clock), is_special = true }
  push(rows_of(line, tenant).heap, plain)
  local first = first_in(tenant.rows)
  tenant.rank, tenant.seq = first.rank, first.seq
  return tenant
end

-- A queue with those whose turn it is. `known`: of so many jobs without a lane it is known that their tasks are not
-- steered; `most`: so many are wanted, and `run` of one tenant at once.
function make_line(queue, number, left, known, most, run)
  a_run = run
  local line = { queue = queue, number = number, left = left, clock = clock_of(queue), known = known, shut = {} }
  line.tenants, line.visited, line.emptied, line.full = {}, {}, {}, {}
  local special = nobody(line)
  line.turns = source_of(T .. ':turns:' .. queue, math.min(64, math.ceil(most / run) + 1), function(turn, start)
    if special and #turn == PLACE then return nil end
    local rank, seq = read_place(turn)
    return { start = start, rank = rank, seq = seq, turn = turn }
  end, true)
  if special then push(line.turns.heap, special) end
  return line
end

local NO_COSTS = {}

-- What a job costs at its own gates, which are the last of these; an operator's cost one.
local function read_costs(entry)
  if not has(entry, HAS_COSTS) then return NO_COSTS end
  local spec = call('GET', T .. ':job:' .. id_in(entry))
  return cjson.decode(cmsgpack.unpack(spec:sub(30))[17])
end

-- The gates before the jobs of a row (a list like a lane), and how many of them are an operator's.
local function gates_of(queue, row)
  if row.is_plain then return caps(queue) end
  local lane = row.lane or lane_at(queue, row.digest)
  row.lane = lane
  local gates = gates_before(queue, lane)
  return gates, (#gates - #lane) / 2
end

-- Ask all gates before the first job of a row. Answers the first that is shut, and until when; or nil, the gates, and
-- what the job costs at each.
local function ask_all(queue, row, entry, id)
  local gates, others = gates_of(queue, row)
  local paused = row.lane and steered().paused and paused_by(queue, row.lane)
  if paused then return paused end
  if not gates[3] then return nil, gates end
  local costs = others and read_costs(entry) or NO_COSTS
  for i = 3, #gates, 2 do
    local name = gates[i]
    local cost = costs == NO_COSTS and 1 or costs[(i - 1) / 2 - others] or 1
    local till = ask(gates[i + 1], standings[name] or standing_of(name), id, cost)
    if till ~= PASSES then return name, till ~= SHUT and till or nil end
  end
  return nil, gates, costs, others
end

-- Let a job in; answer whether nobody else is let in before somebody leaves.
local function enter_all(gates, costs, others, id)
  local is_full = false
  for i = 3, #gates, 2 do
    local name, gate = gates[i], gates[i + 1]
    local standing = standings[name]
    enter(gate, standing, id, costs == NO_COSTS and 1 or costs[(i - 1) / 2 - others] or 1)
    changed[name] = gate
    is_full = is_full or gate.kind == 'concurrency' and standing[1] >= gate.limit or gate.kind == 'order'
  end
  return is_full
end

local function is_known(choice, line, row)
  if row.is_plain and line.known and row.taken >= line.known then choice.cut = true end
  return not choice.cut
end

-- Note that a row changes.
local function visit(line, row, tenant)
  if row.visited then return end
  row.visited = tenant
  line.visited[#line.visited + 1] = row
end

-- Note that the first job of a tenant's row must wait.
local function shut(line, tenant, row, gate, till)
  visit(line, row, tenant)
  line.shut[#line.shut + 1], line.tenants[tenant] = row, true
  row.gate, row.till, looked = gate, till, looked + 1
end

-- Put a tenant back where its turn is next, unless it has no more to run.
local function put_back(line, tenant)
  local row = first_in(rows_of(line, tenant))
  if row then
    tenant.rank, tenant.seq = row.rank, row.seq
    push(line.turns.heap, tenant)
  end
end

-- See that what a queue puts forward may run: so the order of queues is that of jobs that may.
local function shut_first(choice, line)
  local tenant = first_in(line.turns)
  while tenant and looked <= LOOKED_AT do
    local row = first_in(rows_of(line, tenant))
    if not is_known(choice, line, row) then return end
    local entry = entry_in(row, line.queue):sub(8)
    local gate, till = ask_all(line.queue, row, entry, id_in(entry))
    if not gate then return end
    take_first_in(line.turns)
    take_first_in(tenant.rows)
    shut(line, tenant, row, gate, till)
    put_back(line, tenant)
    tenant = first_in(line.turns)
  end
end

-- Take the first job of a row that was taken out of its tenant's; answer whether it has a next one, which is first now.
local function take_first_of(choice, line, row, entry)
  local n = #choice.taken + 1
  choice.taken[n], choice.lines[n], choice.ranks[n] = entry, line, row.rank
  row.at, row.taken = row.at + 1, row.taken + 1
  local next = row.jobs[row.at] or entry_in(row)
  if next then row.rank, row.seq = read_place(next) else line.emptied[#line.emptied + 1] = row end
  return next
end

-- Take up to so many jobs of a row, as long as no other row of its tenant is better; answer how many. `is_full`: it is
-- known that the next must wait.
local function take_run(choice, line, tenant, row, entry, most, is_full)
  local rival, taken, next = first_in(tenant.rows), 1, take_first_of(choice, line, row, entry)
  while next and taken < most and not (rival and goes_first(rival, row)) do
    taken, next = taken + 1, take_first_of(choice, line, row, next:sub(8))
  end
  if next and is_full then
    line.full[#line.full + 1] = row
  elseif next then
    push(tenant.rows.heap, row)
  end
  return taken
end

-- Take the best job of a tenant, and up to `most` where no gates stand before them, or shut its lane; answer how many
-- were taken.
local function try_first(choice, line, tenant, most)
  local row = take_first_in(tenant.rows)
  if not is_known(choice, line, row) then return 0 end
  local entry = entry_in(row, line.queue):sub(8)
  local id = id_in(entry)
  local gate, gates, costs, others = ask_all(line.queue, row, entry, id)
  if gate then
    shut(line, tenant, row, gate, gates)
    return 0
  end
  visit(line, row, tenant)
  local is_full = gates[3] and enter_all(gates, costs, others, id)
  return take_run(choice, line, tenant, row, entry, (gates[3] or row.is_plain) and 1 or most, is_full)
end

-- Read at once what the first lanes of a tenant are, and what is remembered of their gates.
local function look_ahead(line, rows, number)
  if number < 2 or not rows.read[rows.at + 1] then return end
  local last, unknown, names = math.min(rows.at + number - 1, #rows.read), {}, {}
  for i = rows.at, last do
    local digest = rows.read[i].digest
    if not lanes[digest] then unknown[#unknown + 1] = digest end
  end
  meet(line.queue, unknown)
  for i = rows.at, last do
    local gates = gates_of(line.queue, rows.read[i])
    for n = 3, #gates, 2 do
      local name = gates[n]
      if standings[name] == nil then names[#names + 1], standings[name] = name, false end
    end
  end
  look_up(names)
end

-- Let the tenant whose turn it is have up to a run of jobs, as long as no other queue's is better.
local function serve_turn(choice, line, other, most)
  local tenant = take_first_in(line.turns)
  local start, served = tenant.start, 0
  local row = first_in(rows_of(line, tenant))
  look_ahead(line, tenant.rows, math.min(a_run, most - #choice.taken))
  while row and served < a_run and #choice.taken < most and looked <= LOOKED_AT do
    if served > 0 and other and goes_before(other, { after = line.left == 0, rank = row.rank, seq = row.seq }) then
      break
    end
    local taken = try_first(choice, line, tenant, other and 1 or math.min(a_run - served, most - #choice.taken))
    served = served + taken
    if line.left then line.left = math.max(0, line.left - taken) end
    if choice.cut or served == 0 then break end
    row = first_in(tenant.rows)
  end
  if served > 0 then
    local said = steered().targets['tenant=' .. tenant.name] or NOTHING_SAID
    tenant.start = start + math.floor(served * TURN / math.max(1, said.weight))
    line.clock = math.max(line.clock, start)
    tenant.served, line.served, line.tenants[tenant] = true, true, true
  end
  put_back(line, tenant)
end

-- The line whose head is the best, and the head of the best other.
local function best_of(lines)
  if #lines == 1 then return first_in(lines[1].turns) and lines[1] end
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

-- Rows that are full stay open where all was taken that was wanted: most likely somebody has left before they are asked
-- again. Else they are shut, so that it is known that nobody is left who may run.
local function end_with(line, is_enough)
  for _, row in ipairs(line.full) do
    local tenant = row.visited
    local entry = not is_enough and row.jobs[row.at]:sub(8)
    local gate, till
    if entry then gate, till = ask_all(line.queue, row, entry, id_in(entry)) end
    if gate then shut(line, tenant, row, gate, till) else push(tenant.rows.heap, row) end
  end
end

-- Choose up to so many jobs of these lines: their entries, the lines and the ranks that they are of.
function choose(lines, most)
  local choice = { taken = {}, lines = {}, ranks = {}, cut = false }
  while #choice.taken < most and not choice.cut do
    for _, line in ipairs(#lines > 1 and lines or {}) do shut_first(choice, line) end
    if looked > LOOKED_AT then choice.cut, choice.full = true, true end
    local line, other = best_of(lines)
    if not line or choice.cut then break end
    serve_turn(choice, line, other, most)
  end
  for _, line in ipairs(lines) do end_with(line, #choice.taken == most) end
  return choice
end

end
