"""What the end of an attempt does to the gates that its job had entered."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from treadle.core.flow.gates import Gate, Kind, Standing, adjust, leave, park
from treadle.core.flow.steering import Steering, before, caps

if TYPE_CHECKING:
    from treadle.core.job import Claim, Ending


def gates_of(claim: "Claim", steering: Steering) -> tuple[Gate, ...]:
    """List the gates that a claim has entered: an operator's on queue, task and tenant, then those of its lane."""
    if claim.lane:
        return before(claim.queue, claim.lane, steering).gates
    return tuple(caps(claim.queue, claim.task, claim.tenant, steering)) if steering else ()


def leave_all(
    ended: "Sequence[Ending]", standing_of: Callable[[Gate], Standing], steering: Steering, now: int
) -> dict[str, tuple[Gate, Standing]]:
    """Compute what becomes of the gates of these endings, each of which was written just now; by name."""
    changed: dict[str, tuple[Gate, Standing]] = {}
    for ending in ended:
        outcome, id = ending.outcome, ending.claim.id
        final, gates = outcome.state.final, gates_of(ending.claim, steering)
        parks = parked(gates) if outcome.park else ()
        for gate in gates:
            name = gate.name
            known = changed.get(name)
            stood = known[1] if known else standing_of(gate)
            after = leave(gate, stood, id, final=final)
            for spent in ending.spent:
                if spent.gate == name:
                    after = adjust(after, spent.units, spent.window)
            if outcome.park and gate in parks:
                after = park(after, outcome.park, now)
            if known or after != stood:
                changed[name] = gate, after
    return changed


def parked(gates: Sequence[Gate]) -> list[Gate]:
    """Pick the gates that a "try again later" of the other side shuts: the rates or, without any, what has a key."""
    rates = [gate for gate in gates if gate.kind == Kind.RATE]
    return rates or [gate for gate in gates if gate.kind == Kind.CONCURRENCY and gate.key]
