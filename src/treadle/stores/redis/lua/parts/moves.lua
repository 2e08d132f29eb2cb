-- What is written to the sorted sets and hashes of lanes, collected, so that each key is written to once. Of one member
-- the last word counts.

-- The rest is known in here alone, for Lua has room for two hundred names.
local move_in_set, move_in_hash, write_moves, field_of
do

local SETS, HASHES = { come = 'ZADD', go = 'ZREM' }, { come = 'HSET', go = 'HDEL' }

local moves = {}

local function move(kind, key, member, value)
  local told = moves[key]
  if not told then
    told = { kind = kind, values = {} }
    moves[key] = told
  end
  told.values[member] = value
end

-- `score`, as text; false: it goes.
function move_in_set(key, member, score)
  move(SETS, key, member, score)
end

-- `value`: false: the field goes.
function move_in_hash(key, field, value)
  move(HASHES, key, field, value)
end

function write_moves()
  for key, told in pairs(moves) do
    local come, gone, is_set = {}, {}, told.kind == SETS
    for member, value in pairs(told.values) do
      if not value then
        gone[#gone + 1] = member
      elseif is_set then
        come[#come + 1], come[#come + 2] = value, member
      else
        come[#come + 1], come[#come + 2] = member, value
      end
    end
    spread(gone, told.kind.go, key)
    spread(come, told.kind.come, key)
  end
  moves = {}
end

-- What a field of a hash has, with what is not written yet.
function field_of(key, field)
  local told = moves[key] and moves[key].values[field]
  if told == nil then return call('HGET', key, field) end
  return told
end

end
