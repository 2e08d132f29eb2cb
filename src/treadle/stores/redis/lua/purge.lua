-- with: waiting, jobs
-- Delete final jobs, the longest finished first. ARGV: now, limit, then each state with the newest end that may go.
-- Answers how many.

local left, before = tonumber(ARGV[2]), {}
for i = 3, #ARGV, 2 do before[ARGV[i]] = ARGV[i + 1] end

-- The page of the longest finished: its key, its page and their end.
local function oldest()
  local key, page, least
  for state, newest in pairs(before) do
    local done = T .. ':done:' .. state
    local head = call('ZRANGEBYSCORE', done, '-inf', newest, 'WITHSCORES', 'LIMIT', 0, 1)
    local ended = tonumber(head[2])
    if ended and (not least or ended < least) then key, page, least = done, head[1], ended end
  end
  return key, page, least and digits(least)
end

-- Take as many from a page as may still go.
local function take_from(key, page, ended, gone)
  local taken, jobs = {}, {}
  for _, id in ipairs(cmsgpack.unpack(page)) do
    if left > 0 then
      left, taken[id] = left - 1, true
      jobs[#jobs + 1] = look(id)
    end
  end
  strike_out(key, ended, page, taken, {})
  unsettle(jobs)
  for _, job in ipairs(jobs) do gone[#gone + 1] = job end
end

local gone = {}
local key, page, ended = oldest()
while page and left > 0 do
  take_from(key, page, ended, gone)
  key, page, ended = oldest()
end
forget(gone)
close_books()
return #gone
