-- Look who stands for newcomers of other shards. ARGV: now, how many ids, ids, unique keys. Answers the ids that are
-- here, in their places, then the holders of the keys in theirs.

local answer = {}
for i = 3, #ARGV do
  if i - 2 <= tonumber(ARGV[2]) then
    answer[i - 2] = call('EXISTS', T .. ':job:' .. ARGV[i]) == 1 and ARGV[i]
  else
    answer[i - 2] = call('HGET', T .. ':unique', ARGV[i])
  end
end
return answer
