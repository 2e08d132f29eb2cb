-- with: unique
-- Look who stands for newcomers of other shards. ARGV: now, how many ids, ids, unique keys. Answers for each id itself
-- if it is here, its seq if it is gone and its records may be left, then the holders of the keys.

local answer = {}
for i = 3, #ARGV do
  if i - 2 > tonumber(ARGV[2]) then
    answer[i - 2] = holder_of(ARGV[i]) or false
  elseif call('EXISTS', T .. ':job:' .. ARGV[i]) == 1 then
    answer[i - 2] = ARGV[i]
  else
    local seq = call('HGET', T .. ':remains', ARGV[i])
    answer[i - 2] = seq and tonumber(seq)
  end
end
return answer
