-- End leases now. ARGV: now, workers.

for i = 2, #ARGV do call('ZADD', T .. ':workers', 'XX', 0, ARGV[i]) end
return #ARGV - 1
