-- with: runs, pictures, filters, indexes
-- Read a part of an index, newest first. ARGV: now, index, the seq to begin below (empty: the newest), the filter, how
-- many to look at, how many to find. Answers now, the seq to go on below (0: that was all), and the pictures found.

local filter, most, wanted = read_filter(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local ids = read_index(ARGV[2], tonumber(ARGV[3]), most)
local found, looked = {}, 0

-- A few at first: most often these are what is asked for. Never too many at once: a job may be large.
local step = wanted
while looked < math.min(most, #ids) and #found < wanted do
  local last = math.min(looked + step, most, #ids)
  for _, picture in ipairs(fitting({ unpack(ids, looked + 1, last) }, filter)) do found[#found + 1] = picture end
  looked, step = last, 100
end
return { digits(now), rest_of(ids, looked), found }
