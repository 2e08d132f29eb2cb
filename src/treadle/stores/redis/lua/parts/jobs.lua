-- with: tags, pages, specs, unique
-- A job: job:<id> is what hardly ever changes, life:<id> what has become of it since; a job that was only added has
-- no life. A live job's state follows from the one place where it is: ready, due, held, or some worker's run.

local LETTER = { completed = 'c', failed = 'f', cancelled = 'x' }
local FINAL = { c = 'completed', f = 'failed', x = 'cancelled' }
local LISTS = { 'owner', 'tenant', 'batch' }

-- In a cluster: records, also those of jobs, are in another shard, the registry.
local SCATTERED = T:find(':', 1, true) ~= nil

-- The rest is known in here alone, for Lua has room for two hundred names.
local look, keep, keep_spec, shelf, put, take, key_till
local finish, finish_waiting, result_until, unfinish, forget
do

-- What stands where is said in `rows.py` too. In one constructor: filled one by one, a table would grow five times.
local function read_job(id, head, spec, life, values)
  return {
    id = id, created_at = tonumber(head:sub(1, 13)), seq = tonumber(head:sub(14, 29)), spec = spec,
    flags = (life == '-' and 0 or HAS_LIFE) + (spec[17] and HAS_COSTS or 0),
    task = spec[1], queue = spec[2], priority = spec[4], result_ttl = spec[9],
    owner = spec[10], tenant = spec[11], batch = spec[12], unique_key = spec[13], lane = spec[16],
    unique_until = spec[18], unique_for = spec[19], since = values[14],
    final = FINAL[life:sub(1, 1)], finished_at = FINAL[life:sub(1, 1)] and tonumber(life:sub(2, 14)),
    attempt = values[1], epoch = values[2], crashes = values[3], max_attempts = values[4], reason = values[5],
    outcome = values[6], error = values[7], due_at = values[8], queued_at = values[9], started_at = values[10],
    expires_at = values[11], kept = values[12], result = values[13],
  }
end

-- The life of a job that was only added.
local function first_life(created_at, spec)
  local due_at, due_in, expires_in = spec[5], spec[6], spec[8]
  return {
    0, 0, 0, spec[7], nil, nil, nil, due_in and created_at + due_in or due_at, created_at, nil,
    expires_in and created_at + expires_in, nil, nil, nil,
  }
end

function look(id)
  local text = call('GET', T .. ':job:' .. id)
  if not text then return nil end
  local spec, life = cmsgpack.unpack(text:sub(30)), call('GET', T .. ':life:' .. id)
  local values = life and cmsgpack.unpack(life:sub(15)) or first_life(tonumber(text:sub(1, 13)), spec)
  return read_job(id, text, spec, life or '-', values)
end

-- 158: an array of fourteen. Packed one by one, for a table would end at its first nil.
function keep(job)
  local head = job.final and LETTER[job.final] .. format('%013d', job.finished_at) or '-0000000000000'
  call('SET', T .. ':life:' .. job.id, head .. '\158' .. cmsgpack.pack(
    job.attempt, job.epoch, job.crashes, job.max_attempts, job.reason, job.outcome, job.error, job.due_at,
    job.queued_at, job.started_at, job.expires_at, job.kept, job.result, job.since
  ))
end

-- Write its spec anew, with what an operator or a newcomer has changed.
function keep_spec(job)
  local spec = job.spec
  job.task, job.queue, job.priority, job.lane = spec[1], spec[2], spec[4], spec[16]
  call('SET', T .. ':job:' .. job.id, format('%013d', job.created_at) .. format('%016d', job.seq)
    .. pack_spec(spec))
end

-- Where it stands: it may be revived, and then waits since that time.
local function rank_of(job)
  return (job.since or job.created_at) - job.priority * AGEING
end

-- Where jobs of one reason and task are held.
function shelf(reason, task)
  return #reason .. ':' .. reason .. task
end

local function set_aside(job)
  local name = shelf(job.reason, job.task)
  call('HSET', T .. ':held', job.id, name)
  call('SADD', T .. ':held:' .. name, job.id)
  call('SADD', T .. ':shelves', name)
end

local function take_down(job)
  local name = call('HGET', T .. ':held', job.id)
  if not name then return false end
  local length, rest = name:match('^(%d+):(.*)$')
  job.reason = rest:sub(1, tonumber(length))
  call('HDEL', T .. ':held', job.id)
  call('SREM', T .. ':held:' .. name, job.id)
  if call('EXISTS', T .. ':held:' .. name) == 0 then call('SREM', T .. ':shelves', name) end
  return true
end

-- Let it wait in this state.
function put(job, state)
  if state == 'queued' then
    local entry = entry_of(job.seq, HAS_LIFE + (job.spec[17] and HAS_COSTS or 0), job.id)
    if job.lane then
      join_lane(job.queue, job.lane, rank_of(job), { entry })
    else
      line_up(job.queue, { digits(rank_of(job)), entry })
    end
  elseif state == 'scheduled' then
    call('ZADD', T .. ':due', digits(job.due_at), job.id)
  else
    set_aside(job)
  end
  if job.expires_at then call('ZADD', T .. ':expiring', digits(job.expires_at), job.id) end
  count(job.queue, state, 1)
end

local function quit(job)
  local entry = entry_of(job.seq, job.flags, job.id)
  if job.lane then return quit_lane(job.queue, job.lane, rank_of(job), entry) end
  return call('ZREM', T .. ':ready:' .. job.queue, entry) == 1
end

local function leave_place(job)
  if quit(job) then return 'queued' end
  if call('ZREM', T .. ':due', job.id) == 1 then return 'scheduled' end
  if take_down(job) then return 'held' end
end

-- Take a waiting job out of its place; answer in which state it waited, nil if it does not wait.
function take(job)
  local state = leave_place(job)
  if state then
    call('ZREM', T .. ':expiring', job.id)
    count(job.queue, state, -1)
  end
  return state
end

function key_till(job)
  return held_till(job.created_at, job.unique_for)
end

-- End it. It must have been taken out of where it was.
function finish(job, state, reason)
  job.final, job.finished_at, job.reason = state, now, reason
  keep(job)
  file_ended(state, job.task, { job.id }, now)
  give_up_key(job, key_till(job))
  count(job.queue, state, 1)
end

-- End a job that waited.
function finish_waiting(job, state, reason)
  finish(job, state, reason)
  if job.lane then renounce(job.id, job.lane) end
end

function result_until(job)
  return job.kept and job.finished_at + job.kept
end

-- Strike final jobs out of the lists that they are in beside that of the finished, before they are so no more.
local function unsettle(jobs)
  local results = {}
  for _, job in ipairs(jobs) do
    if job.result and job.kept then results[job.id] = result_until(job) end
    count(job.queue, job.final, -1)
  end
  unfile('results', results)
end

-- The same, and out of that of the finished.
function unfinish(jobs)
  local ended = {}
  for _, job in ipairs(jobs) do
    ended[job.task] = ended[job.task] or {}
    ended[job.task][job.final] = ended[job.task][job.final] or {}
    ended[job.task][job.final][job.id] = job.finished_at
  end
  unfile_ended(ended)
  unsettle(jobs)
end

-- Delete all that belongs to jobs that are in no place any more, their unique keys too.
function forget(jobs)
  local keys, gone = {}, { all = {} }
  for _, job in ipairs(jobs) do
    for _, kind in ipairs({ ':job:', ':life:', ':progress:', ':log:', ':tries:', ':records:job:' }) do
      keys[#keys + 1] = T .. kind .. job.id
    end
    -- Who is final holds its key for a time at most.
    if not job.final or job.unique_for then give_up_key(job, 0) end
    gone.all[job.id] = job.seq
    if SCATTERED then call('HSET', T .. ':remains', job.id, digits(job.seq)) end
    for _, name in ipairs(LISTS) do
      if job[name] then
        local index = name .. ':' .. job[name]
        gone[index] = gone[index] or {}
        gone[index][job.id] = job.seq
      end
    end
  end
  for first, last in pieces(keys) do call('UNLINK', unpack(keys, first, last)) end
  for index, ids in pairs(gone) do unfile(index, ids) end
end

end
