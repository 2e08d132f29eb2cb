-- What is taken in order: from a sorted set that is read as far as it is needed, and from what was put back.

-- The rest is known in here alone, for Lua has room for two hundred names.
local goes_first, push, pop, source_of, source_from, first_in, take_first_in
do

function goes_first(a, b)
  if a.start ~= b.start then return a.start < b.start end
  if a.rank ~= b.rank then return a.rank < b.rank end
  return a.seq < b.seq
end

function push(heap, each)
  local at = #heap + 1
  while at > 1 do
    local above = math.floor(at / 2)
    if not goes_first(each, heap[above]) then break end
    heap[at], at = heap[above], above
  end
  heap[at] = each
end

function pop(heap)
  local first, last = heap[1], table.remove(heap)
  local size, at = #heap, 1
  if size == 0 then return first end
  while 2 * at <= size do
    local below = 2 * at
    if below < size and goes_first(heap[below + 1], heap[below]) then below = below + 1 end
    if not goes_first(heap[below], last) then break end
    heap[at], at = heap[below], below
  end
  heap[at] = last
  return first
end

-- `make` turns an entry, and its score where that is wanted, into what stands in the source; nil: leave it out.
-- `step`: how many are read at first.
function source_of(key, step, make, with_scores)
  return { key = key, make = make, from = 0, step = step, read = {}, at = 1, heap = {}, with_scores = with_scores }
end

-- The same of what is known already, in order.
function source_from(read)
  return { read = read, at = 1, heap = {}, ended = true }
end

local function read_some(source)
  local from, to, make, read = source.from, source.from + source.step - 1, source.make, {}
  if source.with_scores then
    local told = call('ZRANGE', source.key, from, to, 'WITHSCORES')
    source.ended = #told < 2 * source.step
    for i = 1, #told, 2 do read[#read + 1] = make(told[i], tonumber(told[i + 1])) end
  else
    local told = call('ZRANGE', source.key, from, to)
    source.ended = #told < source.step
    for i = 1, #told do read[i] = make(told[i]) end
  end
  source.from, source.step = to + 1, math.min(64, source.step * 4)
  source.read, source.at = read, 1
end

local function read_on(source)
  while not source.read[source.at] and not source.ended do read_some(source) end
  return source.read[source.at]
end

-- The first, and whether it was put back.
function first_in(source)
  local read, back = read_on(source), source.heap[1]
  if back and (not read or goes_first(back, read)) then return back, true end
  return read, false
end

function take_first_in(source)
  local first, is_back = first_in(source)
  if is_back then pop(source.heap) else source.at = source.at + 1 end
  return first
end

end
