-- with: settling, taking
-- Settle endings of every kind, with the last that the attempts had to tell, then claim.

if concerns_flow() then return { 'flow' } end
go_on_when_full()
settle_all()
return claim_and_answer()
