"""From endings to the parameters of the statements that write them."""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

from treadle.core.job import Ending
from treadle.core.states import State

SETTLE = ("state", "reason", "error", "given_back", "crashed", "due_at", "queued_at", "finished_at", "ref", "epoch")


def completed_row(ending: Ending, now: int) -> tuple[Any, ...]:
    """Turn a completion into a row of `complete.sql`."""
    claim, outcome = ending.claim, ending.outcome
    until = None if claim.result_ttl is None or outcome.result is None else now + claim.result_ttl
    return (claim.ref, claim.epoch, now, outcome.reason, outcome.outcome, outcome.result, until)


def settle_row(ending: Ending, now: int) -> tuple[Any, ...]:
    """Turn any other ending into the parameters of `settle.sql`."""
    claim, outcome = ending.claim, ending.outcome
    state = outcome.state
    return (
        state.value,
        outcome.reason,
        outcome.error,
        0 if outcome.spends_attempt else 1,
        outcome.crashed,
        now + outcome.due_in if state is State.SCHEDULED else None,
        now if state is State.QUEUED else None,
        now if state.final else None,
        claim.ref,
        claim.epoch,
    )


@lru_cache(20_000)
def lane_hash(lane: str | None) -> int | None:
    """Make the number by which the jobs of a lane are found."""
    if lane is None:
        return None
    return int.from_bytes(blake2b(lane.encode(), digest_size=8).digest(), signed=True)
