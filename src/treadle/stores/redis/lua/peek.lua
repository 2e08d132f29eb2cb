-- Read the places of the first that are ready. ARGV: now, queue, how many.

local heads, answer = call('ZRANGE', T .. ':ready:' .. ARGV[2], 0, ARGV[3] - 1, 'WITHSCORES'), {}
for i = 2, #heads, 2 do answer[#answer + 1] = digits(tonumber(heads[i])) end
return answer
