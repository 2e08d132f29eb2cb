-- Set or delete a record. ARGV: now, kind, key, the version that is expected (empty: whatever), and the value, if it is
-- not to be deleted. Answers whether that was done.

local records, key, expect, value = T .. ':records:' .. ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local before = call('HGET', records, key)
local version = before and tonumber(before:match('^(%d+):')) or 0

if expect and expect ~= version or not value and version == 0 then return 0 end
if value then
  call('HSET', records, key, digits(version + 1) .. ':' .. value)
else
  call('HDEL', records, key)
end
return 1
