"""What a running job spends of its budgets: within what was set aside nobody is asked, beyond it the store is."""

from collections.abc import Mapping
from decimal import Decimal

from treadle.core.errors import BudgetSpent, ConfigError
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import read_costs, read_lane
from treadle.core.job import Claim
from treadle.core.store import Store
from treadle.engine.context import Line
from treadle.limits import MONEY, units_of

Amount = int | float | Decimal


async def spend(line: Line, store: Store, amounts: Mapping[str, Amount]) -> None:
    """Count what is used of each unit, all or nothing. Raises BudgetSpent where a budget has not so much left."""
    wanted = [each for unit, amount in amounts.items() for each in _wanted(line.claim, unit, amount)]
    # All is noted before anybody is awaited: who spends at the same time in this job must see it.
    beyond = [(unit, gate, units, _note(line, gate, cost, units)) for unit, gate, cost, units in wanted]
    asked = 0
    try:
        for unit, gate, _, more in beyond:
            if more and await store.spend(line.claim, gate.name, more) is None:
                raise await _refusal(store, unit, gate, amounts[unit])
            asked += 1
    except BaseException:
        # What was granted meanwhile is given back when the attempt ends, or is there for the next call.
        for place, (_, gate, units, more) in enumerate(beyond):
            used, granted = line.spent[gate.name]
            line.spend(gate.name, used - units, granted - (more if place >= asked else 0))
        raise


def _wanted(claim: Claim, unit: str, amount: Amount) -> list[tuple[str, Gate, int, int]]:
    """List (unit, gate, what was set aside, units) for each budget of a unit. Raises ConfigError."""
    found = [(gate, cost) for gate, cost in budgets_of(claim) if _unit_of(gate) == unit]
    if not found:
        raise ConfigError(f"{claim.task} has no budget of {unit}; its task declares what ctx.spend counts.")
    units = units_of(amount, MONEY if unit == "money" else 1)
    if units is None:
        raise ConfigError(f"ctx.spend({unit}={amount!r:.80}): it must be a number from 0 on.")
    return [(unit, gate, cost, units) for gate, cost in found]


def budgets_of(claim: Claim) -> list[tuple[Gate, int]]:
    """List the budgets that a job has entered, with what was set aside at each."""
    if claim.lane is None:
        return []
    gates = read_lane(claim.lane).gates
    costs = read_costs(claim.costs, len(gates))
    return [(gate, cost) for gate, cost in zip(gates, costs, strict=True) if gate.kind == Kind.BUDGET]


def _unit_of(gate: Gate) -> str:
    """Read what a budget counts in its policy: "ask:budget-tokens(user)"."""
    return gate.policy.rpartition(f":{Kind.BUDGET}-")[2].partition("(")[0].partition("#")[0]


def _note(line: Line, gate: Gate, cost: int, units: int) -> int:
    """Note that so many are used; answer how many of them are beyond what is set aside and granted."""
    used, granted = line.spent.get(gate.name, (0, 0))
    beyond = max(0, used + units - cost - granted)
    line.spend(gate.name, used + units, granted + beyond)
    return beyond


async def _refusal(store: Store, unit: str, gate: Gate, amount: Amount) -> BudgetSpent:
    now = await store.now()
    return BudgetSpent(unit, amount, gate.name, ((now // gate.period + 1) * gate.period - now) / 1000)
