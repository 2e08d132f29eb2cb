-- Who waits is an entry of a sorted set. Its score is its rank; of equal ranks the older goes first, for an entry
-- begins with the seq. Two bits behind it say what need be read of it.

local HAS_LIFE, HAS_COSTS = 1, 2

-- What becomes of those who wait in lanes: `waiting.lua`, for verbs that may meet some.
local join_lane, quit_lane, renounce

-- Milliseconds of waiting that are worth one point of priority.
local AGEING = 60000

local function entry_of(seq, flags, id)
  return struct.pack('>I6', seq * 4 + flags) .. id
end

local function id_in(entry)
  return entry:sub(7)
end

local function seq_in(entry)
  return math.floor(struct.unpack('>I6', entry) / 4)
end

-- Whether it has this bit.
local function has(entry, bit)
  return entry:byte(6) % (2 * bit) >= bit
end

-- Whether a place goes before another: those of a queue's share first, then the better rank, then the older.
local function goes_before(a, b)
  if a.after ~= b.after then return b.after end
  if a.rank ~= b.rank then return a.rank < b.rank end
  return a.seq < b.seq
end
