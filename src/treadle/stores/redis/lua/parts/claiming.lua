-- with: specs, waiting, choosing, cycling
-- Claims where lanes are open or an operator steers: look, choose, write, until there is what is wanted.

-- The rest is known in here alone, for Lua has room for two hundred names.
local open_due, opens_in, is_any_open, is_any_left, make_lines, claim_in_turn
do

local ROUNDS, OPENED_AT_ONCE = 20, 1000

-- Jobs without a lane that are looked through at once for those whose task is steered.
local MET = 200

-- Open the lanes of these queues whose instant has come, the longest due first.
function open_due()
  local due = {}
  for _, queue in ipairs(queues) do
    local opening, limit = T .. ':opening:' .. queue, OPENED_AT_ONCE
    local told = call('ZRANGEBYSCORE', opening, '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, limit)
    for i = 1, #told, 2 do due[#due + 1] = { queue = queue, digest = told[i], till = tonumber(told[i + 1]) } end
  end
  table.sort(due, function(a, b) return a.till < b.till end)
  for i = 1, math.min(#due, OPENED_AT_ONCE) do
    local queue, digest = due[i].queue, due[i].digest
    local entry = call('ZRANGE', line_of(queue, digest), '0', '0')[1]:sub(1, PLACE) .. digest
    local tenant = lane_at(queue, digest)[2]
    withdraw(queue, tenant, entry)
    open_lane(queue, tenant, entry)
  end
end

-- Milliseconds until the next of these lanes opens by itself; -1: none does.
function opens_in()
  local least
  for _, queue in ipairs(queues) do
    local till = tonumber(call('ZRANGE', T .. ':opening:' .. queue, 0, 0, 'WITHSCORES')[2])
    if till and (not least or till < least) then least = till end
  end
  return least and math.max(0, least - now) or -1
end

function is_any_open()
  for _, queue in ipairs(queues) do
    if call('EXISTS', T .. ':turns:' .. queue) == 1 then return true end
  end
  return call('SISMEMBER', T .. ':flow', 'all') == 1
end

-- Whether there is an open lane that the next claim would look at.
function is_any_left()
  for _, queue in ipairs(want > 0 and queues or {}) do
    if call('EXISTS', T .. ':turns:' .. queue) == 1 and not is_paused('queue=' .. queue) then return true end
  end
  return false
end

-- Give the lane of their task to those of the first jobs of a queue whose task is steered. Answers for how many of
-- those that are left it is known that theirs is not; nil: for all.
local function into_lanes(queue)
  local ready, targets = T .. ':ready:' .. queue, steered().targets
  local told, keys, moved = call('ZRANGE', ready, 0, MET - 1, 'WITHSCORES'), {}, 0
  for i = 1, #told, 2 do keys[#keys + 1] = T .. ':job:' .. id_in(told[i]) end
  for i, text in ipairs(answers(keys, 'MGET')) do
    local spec, entry = cmsgpack.unpack(text:sub(30)), told[2 * i - 1]
    if targets['task=' .. spec[1]] then
      spec[16] = lane_of_task(spec[1])
      call('SET', keys[i], text:sub(1, 29) .. pack_spec(spec))
      call('ZREM', ready, entry)
      join_lane(queue, spec[16], tonumber(told[2 * i]), { entry })
      moved = moved + 1
    end
  end
  return #keys == MET and #keys - moved or nil
end

-- The lines of all queues that are not paused; `left`: what is left of their shares; `most`, `run`: how many are
-- wanted, and of one tenant at once.
function make_lines(left, most, run)
  local lines, known = {}, {}
  for _, queue in ipairs(steered().tasks and queues or {}) do known[queue] = into_lanes(queue) end
  take_turns()
  for q, queue in ipairs(queues) do
    if not is_paused('queue=' .. queue) then
      lines[#lines + 1] = make_line(queue, q, left[q], known[queue], most, run)
    end
  end
  return lines
end

local function place_in(row)
  return (row.jobs and row.jobs[row.at] or row.entry):sub(1, PLACE)
end

-- Take out of a row what was taken, which are its first, and tell its tenant what becomes of its place.
local function write_row(queue, row, tenant)
  if row.taken == 1 then
    call('ZREMRANGEBYRANK', row.key, '0', '0')
  elseif row.taken > 1 then
    call('ZREMRANGEBYRANK', row.key, 0, row.taken - 1)
  end
  if row.is_plain then return end
  local gone, come = tenant.gone, tenant.come
  gone[#gone + 1] = row.entry
  if row.gate then
    shut_lane(queue, tenant.name, place_in(row) .. row.digest, row.gate, row.till)
  elseif row.jobs[row.at] then
    come[#come + 1], come[#come + 2] = '0', place_in(row) .. row.digest
  else
    move_in_hash(T .. ':rows:' .. queue, row.digest, false)
  end
end

-- Put the tenants that were served, or had lanes shut, where their turn is now.
local function write_tenants(line)
  local queue, gone, come, paid = line.queue, {}, {}, {}
  for tenant in pairs(line.tenants) do
    spread(tenant.gone, 'ZREM', lanes_of(queue, tenant.name))
    spread(tenant.come, 'ZADD', lanes_of(queue, tenant.name))
    if tenant.served then paid[#paid + 1], paid[#paid + 2] = digits(tenant.start), tenant.name end
    if not tenant.is_special then
      local first = first_in(tenant.rows)
      local turn = first and place_in(first) .. tenant.name
      if turn ~= tenant.turn then gone[#gone + 1] = tenant.turn end
      if turn and (tenant.served or turn ~= tenant.turn) then
        come[#come + 1], come[#come + 2] = digits(math.max(tenant.start, line.clock)), turn
      end
    end
  end
  spread(paid, 'ZADD', T .. ':paid:' .. queue)
  spread(gone, 'ZREM', T .. ':turns:' .. queue)
  spread(come, 'ZADD', T .. ':turns:' .. queue)
end

local function write_line(line)
  for tenant in pairs(line.tenants) do
    tenant.gone, tenant.come = {}, {}
    touch(line.queue, tenant.is_special and tenant.name)
  end
  for _, row in ipairs(line.visited) do write_row(line.queue, row, row.visited) end
  write_tenants(line)
  if line.served then set_clock(line.queue, line.clock) end
end

local function write_choice(choice, lines)
  for _, line in ipairs(lines) do write_line(line) end
  local numbers = {}
  for _, line in ipairs(choice.lines) do numbers[line.queue] = (numbers[line.queue] or 0) + 1 end
  for queue, number in pairs(numbers) do
    count(queue, 'queued', -number)
    count(queue, 'running', number)
  end
end

-- Open lanes that wait for gates for which lanes were let out that have not used them; answer how many.
local function let_others_after(line)
  if #line.shut == 0 and #line.emptied == 0 or call('EXISTS', T .. ':shut:' .. line.queue) == 0 then return 0 end
  local names, asked = {}, {}
  local function add(row)
    if row.is_plain then return end
    local gates = gates_before(line.queue, row.lane)
    for i = 3, #gates, 2 do
      local name = gates[i]
      if name ~= row.gate and not asked[name] then names[#names + 1], asked[name] = name, gates[i + 1] end
    end
  end
  for _, row in ipairs(line.shut) do add(row) end
  for _, row in ipairs(line.emptied) do add(row) end
  return let_others_in(line.queue, names, asked)
end

-- Claim what may run; answer whether there may be more.
function claim_in_turn()
  local runs, keys, left, a_run, again, full = {}, {}, {}, math.max(1, math.floor(want / 10)), true, false
  for q in ipairs(queues) do left[q] = shares[q] end
  for _ = 1, ROUNDS do
    local lines, opened = make_lines(left, want - #ids, a_run), 0
    local choice = choose(lines, want - #ids)
    write_choice(choice, lines)
    begin(choice.taken, runs, keys)
    for _, line in ipairs(lines) do
      left[line.number], opened = line.left, opened + let_others_after(line)
    end
    again, full = opened > 0 or choice.cut, choice.full
    if #ids == want or full or not again then break end
  end
  write_runs(runs, keys)
  return #ids == want or full or again
end

end
