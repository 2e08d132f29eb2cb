-- Read the records of a kind: key and "version:value", in turn. ARGV: now, kind.

return call('HGETALL', T .. ':records:' .. ARGV[2])
