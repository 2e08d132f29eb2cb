-- with: runs, records
-- Set a record while a claim is current. ARGV: now, id, stamp, kind, key, the version that is expected, the value.
-- Answers whether that was done.

if not is_held(ARGV[2], ARGV[3]) then return 0 end
return set_record(ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7])
