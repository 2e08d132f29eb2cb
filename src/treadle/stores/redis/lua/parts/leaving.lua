-- with: waiting
-- What the end of attempts does to the gates that their jobs had entered (`core/flow/leaving.py`).

-- The gates that a claim has entered; what it says of itself Python has told (`endings.py`).
local function gates_of(queue, lane, task, tenant)
  if lane then return gates_before(queue, read_lane(lane)) end
  return steered().any and caps(queue, task, tenant) or {}
end

-- The gates that a "try again later" of the other side shuts: the rates or, without any, what has a key.
local function parked(gates)
  local rates, keyed = {}, {}
  for _, gate in ipairs(gates) do
    if gate.kind == 'rate' then rates[gate], rates.any = true, true end
    if gate.kind == 'concurrency' and gate.key ~= '' then keyed[gate] = true end
  end
  return rates.any and rates or keyed
end

-- Let one job out of a gate; answer whether that has changed it.
local function let_out(gate, id, final, spent, told, shuts)
  local before = standing_of(gate)
  local after = leave(gate, before, id, final) or before
  for _, each in ipairs(spent or {}) do
    if each[1] == gate.name then after = adjust(after, each[2], each[3]) or after end
  end
  if told and shuts[gate] then after = park(after, unpack(told)) end
  if after == before then return false end
  change(gate, after)
  return true
end

-- Those of whom Python tells that were ended just now, each once, with their gates.
local function who_left()
  local found, gates = {}, {}
  for _, told in ipairs(leaves) do
    local id, as_ended = told[1], ended[told[1]]
    if as_ended and as_ended[1] == told[2] then
      ended[id] = nil
      local each = { id = id, queue = told[3], final = as_ended[2], gates = gates_of(unpack(told, 3, 6)) }
      each.spent, each.told = told[7], told[8]
      found[#found + 1] = each
      for _, gate in ipairs(each.gates) do gates[#gates + 1] = gate end
    end
  end
  look_up(gates)
  return found
end

-- Let those out that were ended just now, and others into their place.
local function leave_all()
  local left, names = {}, {}
  for _, each in ipairs(who_left()) do
    local shuts = each.told and parked(each.gates)
    for _, gate in ipairs(each.gates) do
      if let_out(gate, each.id, each.final, each.spent, each.told, shuts) and not names[gate.name] then
        left[#left + 1], names[gate.name] = gate, true
        -- Jobs without a lane wait at this gate in no list.
        if gate.name == 'queue=' .. each.queue then stirred[each.queue] = true end
      end
    end
  end
  open_after_leaving(left)
end
