-- with: waiting, jobs
-- Forget a job that has moved to another shard. ARGV: now, why it is held, id. Its records stay: they are the same
-- job's.

local job = look(ARGV[3])
if not job or not take(job) then return 0 end
forget({ job })
call('HDEL', T .. ':remains', job.id)
close_books()
return 1
