-- with: steers, recounting
-- Write what is wished for a target. ARGV: now, the target, and the record's value, if it is not to be as it was.
-- Answers all that is steered now.

write_record('steer', ARGV[2], nil, ARGV[3])
recount(ARGV[2])
return call('GET', T .. ':steer') or ''
