-- with: opening
-- Coming to a lane, and leaving it otherwise than by a claim.

-- Let jobs wait in a lane: entries in their order, all of this rank.
function join_lane(queue, text, rank, entries)
  local line, values = line_of(queue, text), {}
  local first = call('ZRANGE', line, '0', '0', 'WITHSCORES')
  for i, entry in ipairs(entries) do values[2 * i - 1], values[2 * i] = digits(rank), entry end
  spread(values, 'ZADD', line)
  local seq = seq_in(entries[1])
  if first[1] then
    local rank_then, seq_then = tonumber(first[2]), seq_in(first[1])
    if rank_then < rank or rank_then == rank and seq_then < seq then return end
    withdraw(queue, text, seq_then)
  end
  open_lane(queue, text, rank, seq)
end

-- Take a job out of its lane; what its lane was shut for may not hold for the next. Answers whether it was there.
function quit_lane(queue, text, entry)
  local line = line_of(queue, text)
  local first = call('ZRANGE', line, '0', '1', 'WITHSCORES')
  if call('ZREM', line, entry) == 0 then return false end
  if first[1] ~= entry then return true end
  withdraw(queue, text, seq_in(entry))
  if first[3] then
    open_lane(queue, text, tonumber(first[4]), seq_in(first[3]))
  else
    let_others_in(queue, gates_before(queue, read_lane(text)))
  end
  return true
end

-- A job that is ended, deleted or moved while it waits gives up its turn where jobs run one after the other.
function renounce(id, text)
  local left = {}
  for _, gate in ipairs(read_lane(text).gates) do
    local standing = gate.kind == 'order' and standing_of(gate)
    if standing and leave(gate, standing, id, true) then left[#left + 1] = gate end
  end
  if #left > 0 then open_after_leaving(left) end
end
