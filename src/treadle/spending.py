"""What a running job spends of its budgets: within what was set aside nobody is asked, beyond it the store is."""

from collections.abc import Mapping
from decimal import Decimal

from treadle.core.errors import BudgetSpent, ConfigError
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import read_costs, read_lane
from treadle.core.job import Claim
from treadle.core.store import Store
from treadle.engine.context import Line
from treadle.limits import MONEY

Amount = int | float | Decimal


async def spend(line: Line, store: Store, amounts: Mapping[str, Amount]) -> None:
    """Count what is used of each unit. Raises BudgetSpent where a budget has not so much left, ConfigError."""
    budgets = budgets_of(line.claim)
    for unit, amount in amounts.items():
        found = [(gate, cost) for gate, cost in budgets if f":{Kind.BUDGET}-{unit}" in gate.policy]
        if not found:
            raise ConfigError(f"{line.claim.task} has no budget of {unit}; its task declares what ctx.spend counts.")
        units = round(amount * MONEY) if unit == "money" else round(amount)
        if units < 0:
            raise ConfigError(f"ctx.spend({unit}={amount}): it must be 0 or more.")
        for gate, cost in found:
            await _spend(line, store, unit, gate, cost, units)


def budgets_of(claim: Claim) -> list[tuple[Gate, int]]:
    """List the budgets that a job has entered, with what was set aside at each."""
    if claim.lane is None:
        return []
    gates = read_lane(claim.lane).gates
    costs = read_costs(claim.costs, len(gates))
    return [(gate, cost) for gate, cost in zip(gates, costs, strict=True) if gate.kind == Kind.BUDGET]


async def _spend(line: Line, store: Store, unit: str, gate: Gate, cost: int, units: int) -> None:
    used, granted = line.spent.get(gate.name, (0, 0))
    beyond = used + units - cost - granted
    if beyond > 0:
        if await store.spend(line.claim, gate.name, beyond) is None:
            now = await store.now()
            after = ((now // gate.period + 1) * gate.period - now) / 1000
            raise BudgetSpent(unit, units, gate.name, after)
        granted += beyond
    line.spend(gate.name, used + units, granted)
