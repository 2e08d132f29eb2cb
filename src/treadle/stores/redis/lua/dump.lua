-- with: runs, pictures
-- Read a part of all jobs, oldest first. ARGV: now, the seq to begin behind, how many. Answers now and their pictures.

local after, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local ids, skip, more = {}, 0, true

-- Where the page begins that may hold `after`.
local from = call('ZREVRANGEBYSCORE', T .. ':all', ARGV[2], '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or '-inf'

-- Only the oldest page can name some that are not behind.
local function turn(page, is_oldest)
  for _, id in ipairs(cmsgpack.unpack(page)) do
    if #ids < most and (not is_oldest or seq_of(id) > after) then ids[#ids + 1] = id end
  end
end

while more and #ids < most do
  local pages = call('ZRANGEBYSCORE', T .. ':all', from, '+inf', 'LIMIT', skip, 8)
  for i, page in ipairs(pages) do turn(page, skip == 0 and i == 1) end
  skip, more = skip + 8, #pages == 8
end
return { digits(now), whole(ids) }
