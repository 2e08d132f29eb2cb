-- with: runs, waiting
-- Take more units of a budget. ARGV: now, id, stamp, queue, lane, the budget, units. Answers the number of
-- the window, if the claim is current and so many are left.

local gates = is_held(ARGV[2], ARGV[3]) and ARGV[5] ~= '' and gates_before(ARGV[4], read_lane(ARGV[5])) or {}
for i = 3, #gates, 2 do
  local name, gate = gates[i], gates[i + 1]
  if name == ARGV[6] and gate.kind == 'budget' then
    local standing, units = standing_of(name), tonumber(ARGV[7])
    if ask(gate, standing, ARGV[2], units) ~= PASSES then return false end
    enter(gate, standing, ARGV[2], units)
    changed[name] = gate
    close_books()
    return digits(math.floor(now / gate.period))
  end
end
return false
