-- Delete all records of some kinds. ARGV: now, kinds.

local keys = {}
for i = 2, #ARGV do keys[#keys + 1] = T .. ':records:' .. ARGV[i] end
return call('UNLINK', unpack(keys))
