-- with: tags, cycling
-- Claims of jobs without a lane, as long as nobody steers them.

-- The rest is known in here alone, for Lua has room for two hundred names.
local claim, claim_and_answer
do

-- Which to take of several queues, in order: entries, and how many of each queue.
local function merge(waiting)
  local heads, at, numbers, left, taken = {}, {}, {}, {}, {}
  local function head(q)
    local entry = heads[q][at[q]]
    return entry and { after = left[q] == 0, rank = tonumber(heads[q][at[q] + 1]), seq = seq_in(entry) }
  end
  for q, each in ipairs(waiting) do
    heads[q], at[q] = call('ZRANGE', T .. ':ready:' .. each.queue, 0, want - 1, 'WITHSCORES'), 1
    numbers[q], left[q] = 0, each.share
  end
  local firsts = {}
  for q in ipairs(waiting) do firsts[q] = head(q) end
  for _ = 1, want do
    local best
    for q in ipairs(waiting) do
      if firsts[q] and (not best or goes_before(firsts[q], firsts[best])) then best = q end
    end
    if not best then break end
    taken[#taken + 1] = heads[best][at[best]]
    at[best], numbers[best] = at[best] + 2, numbers[best] + 1
    if left[best] and left[best] > 0 then left[best] = left[best] - 1 end
    firsts[best] = head(best)
  end
  return taken, numbers
end

local function take_first(waiting)
  local popped, taken = call('ZPOPMIN', T .. ':ready:' .. waiting[1].queue, want), {}
  for i = 1, #popped, 2 do taken[#taken + 1] = popped[i] end
  return taken, { #taken }
end

local function take_best(waiting)
  local taken, numbers = merge(waiting)
  for q, each in ipairs(waiting) do
    if numbers[q] > 0 then call('ZPOPMIN', T .. ':ready:' .. each.queue, numbers[q]) end
  end
  return taken, numbers
end

function claim()
  local waiting, runs, keys = {}, {}, {}
  for q, queue in ipairs(queues) do
    local is_any = call('EXISTS', T .. ':ready:' .. queue) == 1
    if is_any then waiting[#waiting + 1] = { queue = queue, share = shares[q] } end
  end
  if #waiting == 0 then return end
  local taken, numbers = (#waiting > 1 and take_best or take_first)(waiting)
  for q, each in ipairs(waiting) do
    count(each.queue, 'queued', -numbers[q])
    count(each.queue, 'running', numbers[q])
  end
  begin(taken, runs, keys)
  write_runs(runs, keys)
end

function claim_and_answer()
  local leased = want == 0 or #queues == 0 or has_lease(worker)
  if leased and want > 0 then claim() end
  return answer(leased)
end

end
