-- Name jobs that are gone and whose records, in the registry, may be left. ARGV: now, how many, then id and seq of
-- those of whom none are. Answers id and seq of each.

local key = T .. ':remains'
for i = 3, #ARGV, 2 do
  -- Unless another job of that id has come and gone since.
  if call('HGET', key, ARGV[i]) == ARGV[i + 1] then call('HDEL', key, ARGV[i]) end
end

local some, answer = call('HRANDFIELD', key, ARGV[2], 'WITHVALUES'), {}
for i = 1, #some, 2 do
  if call('EXISTS', T .. ':job:' .. some[i]) == 1 then
    call('HDEL', key, some[i])
  else
    answer[#answer + 1], answer[#answer + 2] = some[i], some[i + 1]
  end
end
return answer
