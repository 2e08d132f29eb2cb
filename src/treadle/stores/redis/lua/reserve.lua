-- Make room for new jobs. ARGV: now, how many, their queues. Answers the seq before the first, then all queues that
-- there are.

local before = call('INCRBY', T .. ':seq', ARGV[2]) - ARGV[2]
for i = 3, #ARGV do call('SADD', T .. ':queues', ARGV[i]) end
local answer = call('SMEMBERS', T .. ':queues')
table.insert(answer, 1, before)
return answer
