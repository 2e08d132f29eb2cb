-- Read how long a worker's lease holds yet, and who it is. ARGV: now, worker, queues. Answers both, then those of the
-- queues that have a shard.

local lease_until = tonumber(call('ZSCORE', T .. ':workers', ARGV[2]) or 0)
local answer = { digits(math.max(0, lease_until - now)), call('HGET', T .. ':crew', ARGV[2]) }
for i = 3, #ARGV do
  if call('SISMEMBER', T .. ':queues', ARGV[i]) == 1 then answer[#answer + 1] = ARGV[i] end
end
return answer
