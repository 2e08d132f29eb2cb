"""A walk over the table of legal moves: each legal one works, and no verb makes an illegal one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from treadle.core.job import Claim
from treadle.core.outcomes import cancel, complete, give_up, hand_back, hold, retry, snooze
from treadle.core.states import LEADS_TO, LIVE, State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hand, Hire, job, prune, seen


@dataclass(frozen=True, slots=True)
class Stage:
    """One job in a chosen state, and those who may act on it."""

    store: Store
    clock: FakeClock
    worker: Hand
    claim: Claim


async def _expire(stage: Stage) -> object:
    stage.clock.forward(14_000)
    return await stage.worker.sweep()


async def _promote(stage: Stage) -> object:
    stage.clock.forward(9_000)
    return await stage.worker.sweep()


#: Every verb, used under an epoch that is current exactly if the job is running.
ACTS: dict[str, Callable[[Stage], Awaitable[object]]] = {
    "claim": lambda on: on.worker.claim(),
    "complete": lambda on: on.worker.settle(on.claim, complete("1")),
    "retry": lambda on: on.worker.settle(on.claim, retry(1_000)),
    "snooze": lambda on: on.worker.settle(on.claim, snooze(1_000)),
    "hand back": lambda on: on.worker.settle(on.claim, hand_back()),
    "hold": lambda on: on.worker.settle(on.claim, hold("unknown_task")),
    "give up": lambda on: on.worker.settle(on.claim, give_up("error", "boom")),
    "stop": lambda on: on.worker.settle(on.claim, cancel("asked")),
    "promote": _promote,
    "expire": _expire,
    "cancel": lambda on: on.store.cancel(["a"]),
    "revive": lambda on: on.store.revive(["a"]),
    "set aside": lambda on: on.store.hold(["a"], "operator"),
    "release": lambda on: on.store.release("operator", ["greet"]),
    "prune": lambda on: prune(on.store, dict.fromkeys(LIVE, 0)),
}

#: (from, act) -> to. What is not here changes nothing.
MOVES: dict[tuple[State, str], State] = {
    (State.HELD, "release"): State.QUEUED,
    (State.HELD, "cancel"): State.CANCELLED,
    (State.HELD, "expire"): State.FAILED,
    (State.SCHEDULED, "promote"): State.QUEUED,
    (State.SCHEDULED, "set aside"): State.HELD,
    (State.SCHEDULED, "cancel"): State.CANCELLED,
    (State.SCHEDULED, "expire"): State.FAILED,
    (State.QUEUED, "claim"): State.RUNNING,
    (State.QUEUED, "set aside"): State.HELD,
    (State.QUEUED, "cancel"): State.CANCELLED,
    (State.QUEUED, "expire"): State.FAILED,
    (State.RUNNING, "complete"): State.COMPLETED,
    (State.RUNNING, "retry"): State.SCHEDULED,
    (State.RUNNING, "snooze"): State.SCHEDULED,
    (State.RUNNING, "hand back"): State.QUEUED,
    (State.RUNNING, "hold"): State.HELD,
    (State.RUNNING, "give up"): State.FAILED,
    (State.RUNNING, "stop"): State.CANCELLED,
    (State.RUNNING, "cancel"): State.RUNNING,
    (State.COMPLETED, "revive"): State.QUEUED,
    (State.FAILED, "revive"): State.QUEUED,
    (State.CANCELLED, "revive"): State.QUEUED,
}

#: Beside the walk: a held job that is due later goes to scheduled, a running one to another worker.
WALKED_APART = {(State.HELD, State.SCHEDULED), (State.RUNNING, State.RUNNING)}


async def _stage(store: Store, clock: FakeClock, worker: Hand, state: State) -> Stage:
    """Bring one job into this state; its claim is an old one unless it is running."""
    held = "operator" if state is State.HELD else None
    await store.add([job("claimed"), job("a", held=held, expires_in=10_000, max_attempts=5)])
    other = await worker.claim_one()
    await worker.settle(other, complete())
    if state in (State.HELD, State.QUEUED):
        return Stage(store, clock, worker, other._replace(id="a", epoch=-1))
    claim = await worker.claim_one()
    if state is not State.RUNNING:
        ends = {
            State.SCHEDULED: retry(8_000), State.COMPLETED: complete('"first"'), State.FAILED: give_up("error"),
            State.CANCELLED: cancel(),
        }  # fmt: skip
        await worker.settle(claim, ends[state])
    return Stage(store, clock, worker, claim)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", list(State))
async def test_each_verb_makes_its_legal_move_and_no_other(
    store: Store, clock: FakeClock, hire: Hire, state: State, act: str
) -> None:
    stage = await _stage(store, clock, hire("w1"), state)
    before = await seen(store, "a")
    assert before.state is state
    await ACTS[act](stage)
    after = await seen(store, "a")
    assert after.state is MOVES.get((state, act), state)
    if (state, act) not in MOVES:
        assert after == before


def test_the_walk_takes_every_legal_move_and_only_those() -> None:
    walked = {(source, to) for (source, _), to in MOVES.items()}
    legal = {(source, to) for source, targets in LEADS_TO.items() for to in targets}
    assert walked | WALKED_APART == legal
