-- with: waiting, jobs, inserting
-- Keep jobs as another store has dumped them. ARGV: now, the seq before the first (empty: count here), how many, then
-- the words of each job (`packing.py`). Answers woken queues, then the ids that were not here before.

local before, number = tonumber(ARGV[2]), tonumber(ARGV[3])
before = before or call('INCRBY', T .. ':seq', number) - number
local answer = { 0 }

-- Whether it cannot be kept. `key`: the unique key that it holds, by its state or until an instant; nil: none any more.
local function is_refused(id, key, is_live)
  return call('EXISTS', T .. ':job:' .. id) == 1 or is_live and key and holder_of(key)
end

local function take_key(job, key, by_state)
  if by_state then
    hold_key(job.id, key, job.unique_until, key_till(job))
  elseif not holder_of(key) then
    call('HSET', T .. ':unique', key, job.id)
    call('ZADD', T .. ':kept', digits(key_till(job)), key)
  end
end

-- Enter a job that is kept already where it belongs; without a shift its seq is an old one.
local function file_job(job, state, shift)
  local add = shift == 0 and insert or function(index, id, seq) file(index, { id }, seq) end
  if job.final then
    file_ended(state, job.task, { job.id }, job.finished_at)
    if job.result and job.kept then file('results', { job.id }, result_until(job)) end
    count(job.queue, state, 1)
  else
    put(job, state)
  end
  add('all', job.id, job.seq)
  for _, name in ipairs(LISTS) do
    if job[name] then add(name .. ':' .. job[name], job.id, job.seq) end
  end
end

-- The words of a job begin at `at`; answer where those of the next do.
local function restore(at)
  local id, state, created_at, key, by_state, till, tries, lines, shift = unpack(cmsgpack.unpack(ARGV[at]), 1, 9)
  local first_try, first_line = at + 4, at + 4 + tries
  local next = first_line + lines
  if not by_state and till <= now then key = nil end
  if is_refused(id, key, not LETTER[state]) then return next end
  call('SET', T .. ':job:' .. id, format('%013d', created_at) .. format('%016d', before + shift) .. ARGV[at + 1])
  call('SET', T .. ':life:' .. id, ARGV[at + 2])
  if ARGV[at + 3] ~= '' then call('SET', T .. ':progress:' .. id, ARGV[at + 3]) end
  for i = first_try, first_line - 1 do call('RPUSH', T .. ':tries:' .. id, ARGV[i]) end
  for i = first_line, next - 1 do call('RPUSH', T .. ':log:' .. id, ARGV[i]) end
  local job = look(id)
  if key then take_key(job, key, by_state) end
  file_job(job, state, shift)
  answer[#answer + 1] = id
  return next
end

local at = 4
for _ = 1, number do at = restore(at) end
answer[1] = close_books()
return answer
