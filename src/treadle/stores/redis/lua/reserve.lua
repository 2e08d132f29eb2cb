-- Make room for new jobs. ARGV: now, how many, their queues. Answers the seq before the first, what is steered if one
-- of these queues is new (else empty), then all queues that there are.

local before, new = call('INCRBY', T .. ':seq', ARGV[2]) - ARGV[2], 0
for i = 3, #ARGV do new = new + call('SADD', T .. ':queues', ARGV[i]) end
local answer = call('SMEMBERS', T .. ':queues')
table.insert(answer, 1, before)
table.insert(answer, 2, new > 0 and call('GET', T .. ':steer') or '')
return answer
