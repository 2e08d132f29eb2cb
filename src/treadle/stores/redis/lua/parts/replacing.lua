-- with: waiting, jobs, inserting
-- Who waits under the unique key of a newcomer takes over from it what it brings.

-- Where the newcomer is due: "scheduled" or "queued".
local function when_due(job, spec)
  job.due_at = spec[6] and now + spec[6] or spec[5]
  job.expires_at = spec[8] and now + spec[8] or nil
  return job.due_at and job.due_at > now and 'scheduled' or 'queued'
end

-- `spec`: the newcomer's. Answers whether the job waits and has changed.
local function replace(id, spec, conflict)
  local job = look(id)
  local lane, state = job and job.lane, job and not job.final and take(job)
  if not state then return false end
  if job.tenant ~= spec[11] then
    if job.tenant then unfile('tenant:' .. job.tenant, { [id] = job.seq }) end
    if spec[11] then insert('tenant:' .. spec[11], id, job.seq) end
  end
  -- args, priority, max_attempts, tenant, meta, lane, costs
  for _, i in ipairs({ 3, 4, 7, 11, 15, 16, 17 }) do job.spec[i] = spec[i] end
  keep_spec(job)
  job.max_attempts = math.max(spec[7], job.attempt + 1)
  if conflict == 'reschedule' then
    local due = when_due(job, spec)
    if state == 'scheduled' and due == 'queued' then job.queued_at = now end
    if state ~= 'held' then state = due end
  end
  if lane and lane ~= job.lane then renounce(id, lane) end
  keep(job)
  put(job, state)
  return true
end
