-- with: pages, jobs
-- Keep jobs as another store has dumped them. ARGV: now, the seq before the first (empty: count here), how many, then
-- the words of each job (`packing.py`). Answers woken queues, then the ids that were not here before.

local before, number = tonumber(ARGV[2]), tonumber(ARGV[3])
before = before or call('INCRBY', T .. ':seq', number) - number
local answer = { 0 }

local function stands(id, unique)
  return call('EXISTS', T .. ':job:' .. id) == 1 or unique and call('HEXISTS', T .. ':unique', unique) == 1
end

-- Enter a job that is kept already where it belongs.
local function enter(job, state)
  if job.final then
    file('done:' .. state, { job.id }, job.finished_at)
    if job.result and job.kept then file('results', { job.id }, result_until(job)) end
    count(job.queue, state, 1)
  else
    if job.unique_key then call('HSET', T .. ':unique', job.unique_key, job.id) end
    put(job, state)
  end
  file('all', { job.id }, job.seq)
  for _, name in ipairs(LISTS) do
    if job[name] then file(name .. ':' .. job[name], { job.id }, job.seq) end
  end
end

-- The words of a job begin at `at`; answer where those of the next do.
local function restore(at)
  local id, state, created_at, unique, tries, lines, shift = unpack(cmsgpack.unpack(ARGV[at]), 1, 7)
  local first_try, first_line = at + 4, at + 4 + tries
  local next = first_line + lines
  if stands(id, unique) then return next end
  call('SET', T .. ':job:' .. id, format('%013d', created_at) .. format('%016d', before + shift) .. ARGV[at + 1])
  call('SET', T .. ':life:' .. id, ARGV[at + 2])
  if ARGV[at + 3] ~= '' then call('SET', T .. ':progress:' .. id, ARGV[at + 3]) end
  for i = first_try, first_line - 1 do call('RPUSH', T .. ':tries:' .. id, ARGV[i]) end
  for i = first_line, next - 1 do call('RPUSH', T .. ':log:' .. id, ARGV[i]) end
  enter(look(id), state)
  answer[#answer + 1] = id
  return next
end

local at = 4
for _ = 1, number do at = restore(at) end
answer[1] = close_books()
return answer
