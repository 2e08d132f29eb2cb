-- with: steers, recounting
-- Keep what is steered as the registry has it. ARGV: now, its value there, and the target that was steered, if one was.

local number, targets = unpack(cmsgpack.unpack(ARGV[2]))
if number > steering_number() then keep_steering(number, targets) end
if ARGV[3] then recount(ARGV[3]) end
return 1
