-- with: runs, opening
-- What runs under an operator's limit, counted when the limit is set.

local function matches(kind, name, spec)
  if kind == 'queue' then return spec[2] == name end
  if kind == 'task' then return spec[1] == name end
  local tenant = spec[16] and read_lane(spec[16])[2] or spec[11]
  return tenant == name
end

local function running(kind, name)
  local number = 0
  for _, worker in ipairs(workers()) do
    local keys = {}
    for i, id in ipairs(call('HKEYS', run_of(worker))) do keys[i] = T .. ':job:' .. id end
    for _, text in ipairs(answers(keys, 'MGET')) do
      if text and matches(kind, name, cmsgpack.unpack(text:sub(30))) then number = number + 1 end
    end
  end
  return number
end

-- Note it as the limit's standing; forget that where there is none any more.
local function recount(target)
  local kind, name = target:match('^(%a+)=(.*)$')
  if kind ~= 'queue' and kind ~= 'task' and kind ~= 'tenant' then return end
  local said = steered().targets[target]
  if not said or not said.limit then
    call('HDEL', T .. ':gates', target)
    return
  end
  standing_of(target)[1] = running(kind, name)
  changed[target] = make_numbers('concurrency', target, said.limit, 0, 0)
  write_standings()
end
