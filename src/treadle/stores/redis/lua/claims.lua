-- with: runs
-- Read what a worker holds. ARGV: now, worker. Answers id, stamp, spec and life of each in turn.

local held, answer = call('HGETALL', run_of(ARGV[2])), {}
for i = 1, #held, 2 do
  local id = held[i]
  answer[#answer + 1] = id
  answer[#answer + 1] = held[i + 1]
  answer[#answer + 1] = call('GET', T .. ':job:' .. id)
  answer[#answer + 1] = call('GET', T .. ':life:' .. id)
end
return answer
