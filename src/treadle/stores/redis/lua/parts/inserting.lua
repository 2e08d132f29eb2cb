-- with: pages
-- Entering a job in an index of seqs after younger ones: the pages before and behind it stay in order.

local function insert(index, id, seq)
  local key = T .. ':' .. index
  local last = call('ZREVRANGEBYSCORE', key, digits(seq), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not last[1] then return file(index, { id }, seq) end
  local ids, at = cmsgpack.unpack(last[1]), 1
  while ids[at] and tonumber(call('GETRANGE', T .. ':job:' .. ids[at], 13, 28)) < seq do at = at + 1 end
  table.insert(ids, at, id)
  call('ZREM', key, last[1])
  call('ZADD', key, last[2], cmsgpack.pack(ids))
end
