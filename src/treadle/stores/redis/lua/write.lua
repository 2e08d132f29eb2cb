-- with: steers
-- Set or delete a record. ARGV: now, kind, key, the version that is expected (empty: whatever), and the value, if it is
-- not to be deleted. Answers whether that was done.

return write_record(ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5])
