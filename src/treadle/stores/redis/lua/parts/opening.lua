-- with: rows, gates
-- Which lanes that are shut at a gate are opened, so that no room stays unused (`core/flow/opening.py`).

-- At once; and beyond the room there is, for the first of them may have to wait for something else.
local MOST_OPENED, SPARE = 1000, 16

-- Lanes that are worth a try.
local function room_of(gate, standing)
  if gate.kind == 'concurrency' or gate.kind == 'budget' then
    return math.min(MOST_OPENED, math.max(1, gate.limit - standing[1]) + SPARE)
  end
  return gate.kind == 'order' and standing[6] == '' and SPARE or 0
end

-- Open the best lanes of a queue that are shut at a gate; answer how many.
local function open_best(queue, gate, room)
  local popped = call('ZPOPMIN', shut_at(queue, gate), room)
  for i = 1, #popped, 2 do
    local text = popped[i]:sub(7)
    unshut(queue, text)
    open_lane(queue, text, tonumber(popped[i + 1]), struct.unpack('>I6', popped[i]))
  end
  if #popped > 0 then forget_gate(queue, gate) end
  return #popped / 2
end

-- The queues in which lanes are shut at these gates: name -> queues.
local function queues_at(gates)
  local names, found = {}, {}
  for i, gate in ipairs(gates) do names[i] = gate.name end
  for i, told in ipairs(answers(names, 'HMGET', T .. ':waits')) do
    if told then found[names[i]] = cmsgpack.unpack(told) end
  end
  return found
end

-- After somebody has left these gates: open lanes in each queue, as many as fit.
local function open_after_leaving(gates)
  for name, queues in pairs(queues_at(gates)) do
    for _, gate in ipairs(gates) do
      local room = gate.name == name and room_of(gate, standing_of(gate)) or 0
      for _, queue in ipairs(room > 0 and queues or {}) do open_best(queue, name, room) end
    end
  end
end

-- A lane that was let out for these gates has not used them: open others of its queue that are shut there, if one of
-- them would be let in. (Whoever left a budget has let all out that waited for it: to do so again could go on for ever.)
-- Answers how many.
local function let_others_in(queue, gates)
  local number = 0
  if #gates == 0 or call('EXISTS', T .. ':shut:' .. queue) == 0 then return 0 end
  local waits = queues_at(gates)
  for _, gate in ipairs(gates) do
    if waits[gate.name] and gate.kind ~= 'budget' then
      local standing = standing_of(gate)
      local room = ask(gate, standing, '', 1) == PASSES and room_of(gate, standing) or 0
      if room > 0 then number = number + open_best(queue, gate.name, room) end
    end
  end
  return number
end
