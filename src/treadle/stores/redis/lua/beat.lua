-- with: runs, reports
-- Renew a lease and listen. ARGV: now, worker, lease, who it is, reports. Answers id and stamp of each claim held.

local worker, lease, who, reports = ARGV[2], tonumber(ARGV[3]), ARGV[4], cmsgpack.unpack(ARGV[5])
local before = call('HGET', T .. ':crew', worker)
local seen_at = format('%013d', now)

go_on_when_full()
keep_reports(worker, reports)
call('ZADD', T .. ':workers', digits(now + lease), worker)
call('HSET', T .. ':crew', worker, (before and before:sub(1, 13) or seen_at) .. seen_at .. who)
return call('HGETALL', run_of(worker))
