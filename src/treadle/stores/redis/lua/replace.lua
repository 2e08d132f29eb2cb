-- with: replacing
-- Replace who waits under a unique key in another shard than the newcomer's. ARGV: now, key, "replace" or
-- "reschedule", the newcomer's spec, who holds the key. Answers woken queues and whether it has changed.

local id = call('HGET', T .. ':unique', ARGV[2])
local changed = id and id == ARGV[5] and replace(id, cmsgpack.unpack(ARGV[4]), ARGV[3])
return { close_books(), changed and 1 or 0 }
