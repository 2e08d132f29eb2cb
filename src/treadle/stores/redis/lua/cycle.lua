-- with: taking
-- Settle completions, then claim.

if concerns_flow() then return { 'flow' } end
go_on_when_full()
complete_all()
return claim_and_answer()
