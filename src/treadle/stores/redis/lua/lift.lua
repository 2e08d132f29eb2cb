-- with: waiting, runs, pictures, jobs
-- Hold a waiting job that moves to another shard. ARGV: now, the reason to hold it, id, its new queue, its new priority
-- (empty: as it is). Answers now and, if it waits, its state and why it was held, then its picture as it will be there.

local reason, id, queue, priority = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local job = look(id)
local state = job and not job.final and take(job)
if not state then return { digits(now) } end

local ordered = job.lane and is_ordered(read_lane(job.lane))
if job.lane then renounce(id, job.lane) end

local before = state == 'held' and job.reason or ''
job.reason = reason
keep(job)
put(job, 'held')
close_books()

local picture = whole({ id })[1]
job.spec[2] = queue
if priority and not ordered then job.spec[4] = priority end
picture[2] = picture[2]:sub(1, 29) .. pack_spec(job.spec)
return { digits(now), state, before, picture }
