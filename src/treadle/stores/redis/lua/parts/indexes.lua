-- Ids of an index, newest first.

-- Only the newest page can name some that are not below.
local function add_page(ids, page, below)
  local page = cmsgpack.unpack(page)
  for i = #page, 1, -1 do
    if not below or seq_of(page[i]) < below then ids[#ids + 1] = page[i] end
  end
end

-- At least one more than so many below this seq, if there are; below nothing: from the newest on.
local function read_index(index, below, most)
  local key, top = T .. ':' .. index, below and '(' .. digits(below) or '+inf'
  local ids, skip, more = {}, 0, true
  while more and #ids <= most do
    local pages = call('ZREVRANGEBYSCORE', key, top, '-inf', 'LIMIT', skip, 8)
    for i, page in ipairs(pages) do add_page(ids, page, skip == 0 and i == 1 and below) end
    skip, more = skip + 8, #pages == 8
  end
  return ids
end

-- Where to go on behind the first so many of these; 0: that was all.
local function rest_of(ids, looked)
  if #ids <= looked then return '0' end
  while looked > 1 and seq_of(ids[looked]) == 0 do looked = looked - 1 end
  return digits(seq_of(ids[looked]))
end
