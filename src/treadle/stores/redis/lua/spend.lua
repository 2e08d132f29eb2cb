-- with: runs, leaving
-- Take more units of a budget. ARGV: now, id, stamp, what the claim says of itself, the budget, units. Answers the number of
-- the window, if the claim is current and so many are left.

local gates = is_held(ARGV[2], ARGV[3]) and gates_of(unpack(cmsgpack.unpack(ARGV[4]), 1, 4)) or {}
for _, gate in ipairs(gates) do
  if gate.name == ARGV[5] and gate.kind == 'budget' then
    local standing, units = standing_of(gate), tonumber(ARGV[6])
    if ask(gate, standing, ARGV[2], units) ~= PASSES then return false end
    change(gate, enter(gate, standing, ARGV[2], units))
    close_books()
    return digits(math.floor(now / gate.period))
  end
end
return false
