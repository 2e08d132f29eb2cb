-- Announce that records are to be erased. ARGV: now, who will, kinds. Answers those of which there are any.

local found = {}
for i = 3, #ARGV do
  if call('EXISTS', T .. ':records:' .. ARGV[i]) == 1 then
    call('HSET', T .. ':erasing', ARGV[i], ARGV[2])
    found[#found + 1] = ARGV[i]
  end
end
-- Of who dies before it erases nothing is left.
call('PEXPIRE', T .. ':erasing', 60000)
return found
