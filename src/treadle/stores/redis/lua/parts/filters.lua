-- Which jobs are asked for. The filter comes as Python has it: states, tasks, queues, owner, tenant, batch,
-- created_after; an empty list or nothing asks nothing.

local function set_of(list)
  if #list == 0 then return nil end
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

local function read_filter(text)
  local asked = cmsgpack.unpack(text)
  local filter = {
    states = set_of(asked[1]), tasks = set_of(asked[2]), queues = set_of(asked[3]),
    owner = asked[4], tenant = asked[5], batch = asked[6], created_after = asked[7],
  }
  filter.reads_specs = filter.tasks or filter.queues or filter.owner or filter.tenant or filter.batch
    or filter.created_after
  return filter
end

-- By what never changes (`packing.py`): 1 task, 2 queue, 10 owner, 11 tenant, 12 batch.
local function spec_fits(created_at, spec, filter)
  return (not filter.created_after or created_at >= filter.created_after)
    and (not filter.tasks or filter.tasks[spec[1]])
    and (not filter.queues or filter.queues[spec[2]])
    and (not filter.owner or filter.owner == spec[10])
    and (not filter.tenant or filter.tenant == spec[11])
    and (not filter.batch or filter.batch == spec[12])
end

-- Those of these ids whose specs fit, and the queues that they are in.
local function by_specs(ids, filter)
  local some, queues = {}, {}
  for i, text in ipairs(answers(named(':job:', ids), 'MGET')) do
    local spec = text and cmsgpack.unpack(text:sub(30))
    if spec and spec_fits(tonumber(text:sub(1, 13)), spec, filter) then
      some[#some + 1], queues[#queues + 1] = ids[i], spec[2]
    end
  end
  return some, queues
end

local function states_of(ids)
  local letters, states = {}, {}
  for i, id in ipairs(ids) do letters[i] = call('GETRANGE', T .. ':life:' .. id, 0, 0) end
  local where = places(ids, letters)
  for i, id in ipairs(ids) do states[i] = where[id][1] end
  return states
end

-- The pictures of those among these that are asked for.
local function fitting(ids, filter)
  local some = filter.reads_specs and by_specs(ids, filter) or ids
  if not filter.states then return pictures(some) end
  local found, states = {}, states_of(some)
  for i, id in ipairs(some) do
    if filter.states[states[i]] then found[#found + 1] = id end
  end
  return pictures(found)
end
