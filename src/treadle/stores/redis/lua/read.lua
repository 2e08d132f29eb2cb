-- Read the records of a kind: key and "version:value", in turn. ARGV: now, kind, and a key if only that is wanted.

local records = T .. ':records:' .. ARGV[2]
if not ARGV[3] then return call('HGETALL', records) end
local found = call('HGET', records, ARGV[3])
return found and { ARGV[3], found } or {}
