-- Erase all records of some kinds, unless another has announced it since, or has done it. ARGV: now, who did announce
-- it, kinds. Answers those that were erased.

local erased = {}
for i = 3, #ARGV do
  if call('HGET', T .. ':erasing', ARGV[i]) == ARGV[2] then
    call('HDEL', T .. ':erasing', ARGV[i])
    call('UNLINK', T .. ':records:' .. ARGV[i])
    erased[#erased + 1] = ARGV[i]
  end
end
return erased
