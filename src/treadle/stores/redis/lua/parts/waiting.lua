-- with: opening
-- Coming to a lane, and leaving it otherwise than by a claim.

do

local function is_before(a, b)
  local rank, seq = read_place(a)
  local other_rank, other_seq = read_place(b)
  if rank ~= other_rank then return rank < other_rank end
  return seq < other_seq
end

-- Let jobs wait in a lane: entries in their order, all of this rank.
function join_lane(queue, text, rank, entries)
  local digest = digest_of(text)
  local line, values = line_of(queue, digest), {}
  local first = call('ZRANGE', line, '0', '0')[1]
  for i, entry in ipairs(entries) do values[2 * i - 1], values[2 * i] = '0', place_of(rank, entry) end
  spread(values, 'ZADD', line)
  if first and is_before(first, values[2]) then return end
  local tenant = read_lane(text)[2]
  if first then
    withdraw(queue, tenant, first:sub(1, PLACE) .. digest)
  else
    move_in_hash(T .. ':rows:' .. queue, digest, pack_lane(text))
    lanes[digest] = read_lane(text)
  end
  open_lane(queue, tenant, values[2]:sub(1, PLACE) .. digest)
end

-- The gates of a lane: names, and numbers by name.
local function gates_in(list)
  local names, gates = {}, {}
  for i = 3, #list, 2 do names[#names + 1], gates[list[i]] = list[i], list[i + 1] end
  return names, gates
end

-- Take a job of this rank out of its lane; what its lane was shut for may not hold for the next. Answers whether it was
-- there.
function quit_lane(queue, text, rank, entry)
  local digest = digest_of(text)
  local line, own = line_of(queue, digest), place_of(rank, entry)
  local first = call('ZRANGE', line, '0', '1')
  if call('ZREM', line, own) == 0 then return false end
  if first[1] ~= own then return true end
  local lane = read_lane(text)
  withdraw(queue, lane[2], own:sub(1, PLACE) .. digest)
  if first[2] then
    open_lane(queue, lane[2], first[2]:sub(1, PLACE) .. digest)
  else
    move_in_hash(T .. ':rows:' .. queue, digest, false)
    let_others_in(queue, gates_in(gates_before(queue, lane)))
  end
  return true
end

-- A job that is ended, deleted or moved while it waits gives up its turn where jobs run one after the other.
function renounce(id, text)
  local lane, names, gates = read_lane(text), {}, {}
  for i = 3, #lane, 2 do
    local name, gate = lane[i], lane[i + 1]
    if gate.kind == 'order' and leave(gate, standing_of(name), id, true) then
      names[#names + 1], gates[name], changed[name] = name, gate, gate
    end
  end
  if #names > 0 then open_after_leaving(names, gates) end
end

end
