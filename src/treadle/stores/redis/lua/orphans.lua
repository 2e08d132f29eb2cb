-- Name some jobs that are gone and whose records, in the registry, may be left. ARGV: now, those of whom none is.

if #ARGV > 1 then call('SREM', T .. ':orphans', unpack(ARGV, 2)) end
return call('SRANDMEMBER', T .. ':orphans', 500)
