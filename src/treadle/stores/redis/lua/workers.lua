-- Read who works here: worker, end of its lease, record, in turn.

local leases, answer = call('ZRANGE', T .. ':workers', 0, -1, 'WITHSCORES'), {}
for i = 1, #leases, 2 do
  answer[#answer + 1] = leases[i]
  answer[#answer + 1] = digits(tonumber(leases[i + 1]))
  answer[#answer + 1] = call('HGET', T .. ':crew', leases[i])
end
return answer
