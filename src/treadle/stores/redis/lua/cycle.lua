-- with: pages, runs, cycling
-- Settle completions, then claim.

go_on_when_full()
complete_all()
return claim_and_answer()
