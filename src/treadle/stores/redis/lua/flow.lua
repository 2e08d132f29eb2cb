-- with: settling, taking, leaving, claiming
-- The same where jobs leave gates, lanes are open, or an operator steers. Answers besides: milliseconds until the next lane
-- opens, whether there may be more, whether the next cycle should come here at once, and whether open lanes are left.

go_on_when_full()
settle_all()
leave_all()
local leased, more = want == 0 or #queues == 0 or has_lease(worker), false
if leased and want > 0 then
  open_due()
  take_turns()
  if is_any_open() then
    more = claim_in_turn()
  else
    claim()
    more = #ids == want
  end
end
local told = answer(leased)
told[9], told[10] = want > 0 and opens_in() or -1, more and 1 or 0
told[11], told[12] = concerns_flow() and 1 or 0, is_any_left() and 1 or 0
return told
