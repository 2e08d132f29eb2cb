-- Read how far the keys are, 0 where there are none yet, then set it if that is wished. ARGV: now, the schema (empty:
-- leave it).

-- Who may not publish hears of it now: later nobody would be waked.
call('PUBLISH', CHANNEL, '')

local found = tonumber(call('GET', T .. ':schema') or 0)
if found == 0 and ARGV[2] ~= '' then call('SET', T .. ':schema', ARGV[2]) end
return found
