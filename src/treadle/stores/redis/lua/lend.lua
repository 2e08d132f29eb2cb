-- Let a worker's lease hold here as long as it does in the registry. ARGV: now, worker, how long, who it is.

call('ZADD', T .. ':workers', 'GT', digits(now + tonumber(ARGV[3])), ARGV[2])
call('HSETNX', T .. ':crew', ARGV[2], ARGV[4])
return 1
