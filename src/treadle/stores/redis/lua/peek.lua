-- with: claiming
-- Say which places a claim of one queue would take, in order, and take none of them. ARGV as of `flow_cycle.lua`.
-- Answers milliseconds until its next lane opens, whether there is more to look at, then rank and seq of each in
-- turn.

local answer, cut, opens = {}, false, nil

local function add(entry, rank)
  answer[#answer + 1], answer[#answer + 2] = digits(rank), digits(seq_in(entry))
end

open_due()
take_turns()
if is_any_open() then
  local lines = make_lines({}, want, math.max(1, math.floor(want / 10)))
  local choice = choose(lines, want)
  for i, entry in ipairs(choice.taken) do add(entry, choice.ranks[i]) end
  cut = choice.cut
  for _, row in ipairs(lines[1] and lines[1].shut or {}) do
    opens = row.till and math.min(opens or row.till, row.till) or opens
  end
else
  local heads = call('ZRANGE', T .. ':ready:' .. queues[1], 0, want - 1, 'WITHSCORES')
  for i = 1, #heads, 2 do add(heads[i], tonumber(heads[i + 1])) end
end
local next_to_open = opens_in()
if opens and (next_to_open < 0 or opens - now < next_to_open) then next_to_open = opens - now end
table.insert(answer, 1, next_to_open)
table.insert(answer, 2, cut and 1 or 0)
return answer
