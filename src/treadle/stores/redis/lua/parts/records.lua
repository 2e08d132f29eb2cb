-- A record is "version:value" in the hash of its kind.

-- Set it, or delete it where there is no value, if its version is the expected one (nil: whatever); answer whether.
local function set_record(kind, key, expect, value)
  local records = T .. ':records:' .. kind
  local before = call('HGET', records, key)
  local version = before and tonumber(before:match('^(%d+):')) or 0
  if expect and expect ~= version or not value and version == 0 then return 0 end
  if value then
    call('HSET', records, key, digits(version + 1) .. ':' .. value)
    call('HDEL', T .. ':erasing', kind)  -- who was about to erase this kind has seen an older state of it
  else
    call('HDEL', records, key)
  end
  return 1
end
