-- with: jobs
-- Read which unique keys final jobs would take if they lived again. ARGV: now, ids. Answers id and key in turn.

local answer = {}
for i = 2, #ARGV do
  local job = look(ARGV[i])
  if job and job.final and job.unique_key then
    answer[#answer + 1], answer[#answer + 2] = job.id, job.unique_key
  end
end
return answer
