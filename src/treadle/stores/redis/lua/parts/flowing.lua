-- with: taking, leaving, claiming
-- What a cycle does after it has settled where jobs leave gates, lanes are open, or an operator steers. Answers
-- besides: milliseconds until the next lane opens (-1: none does), whether there may be more, whether the next cycle
-- should come this way at once, and whether open lanes are left.

-- The rest is known in here alone, for Lua has room for two hundred names.
local flow
do

local function claim_flowing()
  open_due()
  take_turns()
  if is_any_open() then return claim_in_turn() end
  claim()
  return #ids == want
end

function flow()
  leave_all()
  local leased = want == 0 or #queues == 0 or has_lease(worker)
  local more = leased and want > 0 and claim_flowing()
  local told = answer(leased)
  told[9], told[10] = want > 0 and opens_in() or -1, more and 1 or 0
  told[11], told[12] = concerns_flow() and 1 or 0, is_any_left() and 1 or 0
  return told
end

end
