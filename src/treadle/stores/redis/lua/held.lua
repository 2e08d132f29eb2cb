-- with: runs
-- Say whether a claim is current. ARGV: now, id, stamp.

return is_held(ARGV[2], ARGV[3]) and 1 or 0
