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
    local told = call('ZRANGEBYSCORE', T .. ':opening:' .. queue, '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, OPENED_AT_ONCE)
    for i = 1, #told, 2 do due[#due + 1] = { queue = queue, text = told[i], till = tonumber(told[i + 1]) } end
  end
  table.sort(due, function(a, b) return a.till < b.till end)
  for i = 1, math.min(#due, OPENED_AT_ONCE) do
    local queue, text = due[i].queue, due[i].text
    local first = call('ZRANGE', line_of(queue, text), 0, 0, 'WITHSCORES')
    local seq = seq_in(first[1])
    withdraw(queue, text, seq)
    open_lane(queue, text, tonumber(first[2]), seq)
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

-- Give the lane of their task to those of the first jobs of a queue whose task is steered. Answers for how many of those
-- that are left it is known that theirs is not; nil: for all.
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

-- The lines of all queues that are not paused; `left`: what is left of their shares.
function make_lines(left)
  local lines, known = {}, {}
  for _, queue in ipairs(steered().tasks and queues or {}) do known[queue] = into_lanes(queue) end
  take_turns()
  for q, queue in ipairs(queues) do
    if not is_paused('queue=' .. queue) then lines[#lines + 1] = make_line(queue, q, left[q], known[queue]) end
  end
  return lines
end

local function write_row(row)
  local entries, queue, text = {}, row.queue, row.text
  for i = 1, row.at - 1 do entries[i] = row.jobs[i].entry end
  spread(entries, 'ZREM', row.key)
  if text == PLAIN then return end
  local tenant, first = read_lane(text).tenant, row.jobs[row.at]
  touch(queue, tenant, row.turn)
  call('ZREM', lanes_of(queue, tenant), lane_entry(row.first, text))
  if row.gate then
    shut_lane(queue, text, first.rank, first.seq, row.gate, row.till)
  elseif first then
    call('ZADD', lanes_of(queue, tenant), digits(first.rank), lane_entry(first.seq, text))
  end
end

local function write_choice(choice)
  for row in pairs(choice.rows) do write_row(row) end
  for tenant, queue in pairs(choice.tenants) do
    touch(queue, tenant.name, tenant.turn)
    pay(queue, tenant.name, tenant.start)
  end
  for line in pairs(choice.lines) do set_clock(line.queue, line.clock) end
  for _, job in ipairs(choice.taken) do
    count(job.queue, 'queued', -1)
    count(job.queue, 'running', 1)
  end
end

-- Open lanes that wait for gates for which lanes were let out that have not used them; answer how many.
local function let_others_after(choice)
  local asked, names, number = {}, {}, 0
  local function add(row, but)
    if row.text == PLAIN then return end
    for _, gate in ipairs(gates_before(row.queue, read_lane(row.text))) do
      local name = #row.queue .. ':' .. row.queue .. gate.name
      if gate.name ~= but and not names[name] then
        asked[row.queue] = asked[row.queue] or {}
        table.insert(asked[row.queue], gate)
        names[name] = true
      end
    end
  end
  for _, row in ipairs(choice.shut) do add(row, row.gate) end
  for _, row in ipairs(choice.emptied) do add(row) end
  for queue, gates in pairs(asked) do number = number + let_others_in(queue, gates) end
  return number
end

-- Claim what may run; answer whether there may be more.
function claim_in_turn()
  local runs, keys, left, a_run, again, full = {}, {}, {}, math.max(1, math.floor(want / 10)), true, false
  for q in ipairs(queues) do left[q] = shares[q] end
  for _ = 1, ROUNDS do
    local lines = make_lines(left)
    local choice = choose(lines, want - #ids, a_run)
    write_choice(choice)
    for _, line in ipairs(lines) do left[line.number] = line.left end
    local entries = {}
    for i, job in ipairs(choice.taken) do entries[i] = job.entry end
    begin(entries, runs, keys)
    again, full = let_others_after(choice) > 0 or choice.cut, choice.full
    if #ids == want or full or not again then break end
  end
  write_runs(runs, keys)
  return #ids == want or full or again
end

end
