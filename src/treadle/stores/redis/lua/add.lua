-- with: adding
-- Keep new jobs that wait in no lane and bring nothing to who stands for them.

return answer({})
