-- with: runs
-- What a running attempt tells: progress that never falls within one attempt, and its log lines.

-- Attempts whose log lines, and attempts that are remembered of one job: it may snooze for years.
local REMEMBERED = 100

local function keep_progress(id, epoch, told)
  local key, done = T .. ':progress:' .. id, told[1]
  local before = call('GET', key)
  if before then
    before = cmsgpack.unpack(before)
    if before[1] == epoch then done = math.max(done, before[2]) end
  end
  -- 149: an array of five.
  call('SET', key, '\149' .. cmsgpack.pack(epoch, done, told[2], told[3], told[4]))
end

-- All lines of this attempt: they replace those that it told before.
local function keep_log(id, epoch, lines)
  local key, head = T .. ':log:' .. id, digits(epoch) .. ':'
  local last = call('LINDEX', key, -1)
  if last and last:sub(1, #head) == head then
    call('LSET', key, -1, head .. lines)
  else
    call('RPUSH', key, head .. lines)
    call('LTRIM', key, -REMEMBERED, -1)
  end
end

-- {id, stamp, progress, log} of a claim; one that is not current any more tells nothing.
local function keep_reports(worker, reports)
  for _, report in ipairs(reports) do
    local id, stamp, progress, log = report[1], report[2], report[3], report[4]
    local _, own = holder(id, worker)
    if own and is_current(own, stamp) then
      local epoch = read_stamp(own).epoch
      if progress then keep_progress(id, epoch, progress) end
      if log then keep_log(id, epoch, log) end
    end
  end
end
