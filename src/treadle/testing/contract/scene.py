"""Who acts in the contract: jobs to add, and workers that claim and settle them but run nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from treadle.core.flow.gates import Gate
from treadle.core.flow.lanes import write_lane
from treadle.core.job import Claim, Cycle, Ending, NewJob, Progress, Report, Snapshot, Swept, WorkerInfo
from treadle.core.outcomes import Outcome, complete
from treadle.core.retention import Ages, Retention
from treadle.core.store import Store

#: Milliseconds that a worker's lease lasts in these tests.
LEASE = 15_000


def job(id: str, **wishes: Any) -> NewJob:
    """Make a job that is queued at once, unless it is wished otherwise."""
    return NewJob(id=id, task="greet", queue="default", args="{}")._replace(**wishes)


def jobs(number: int, **wishes: Any) -> list[NewJob]:
    """Make so many jobs, whose ids sort in their order."""
    return [job(f"{count:04}", **wishes) for count in range(number)]


def governed(id: str, *gates: Gate, **wishes: Any) -> NewJob:
    """Make a job that waits in the lane of these gates, and of its tenant."""
    made = job(id, **wishes)
    return made._replace(lane=write_lane(made.task, made.tenant, gates))


def several(ids: str, *gates: Gate, **wishes: Any) -> list[NewJob]:
    """Make a governed job for each letter."""
    return [governed(id, *gates, **wishes) for id in ids]


class Hand:
    """A worker as a store sees it."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.heart = store.heart(WorkerInfo(id=name, host="here", queues=("default",), slots=10))

    def beat(self, *reports: Report, lease: int = LEASE) -> Mapping[str, bool]:
        """Renew the lease and tell."""
        return self.heart.beat(lease, reports)

    async def claim(self, want: int = 1, queues: Sequence[str] = ("default",)) -> list[Claim]:
        """Take work and settle nothing."""
        return (await self.look(want, queues)).claims

    async def look(self, want: int = 1, queues: Sequence[str] = ("default",), shares: Sequence[int] = ()) -> Cycle:
        """Take work, settle nothing, and answer all that was told."""
        return await self.store.cycle(self.name, [], queues, want, shares)

    async def claim_one(self) -> Claim:
        """Take the one job that must be there."""
        (claim,) = await self.claim()
        return claim

    async def settle(
        self, claim: Claim, outcome: Outcome, progress: Progress | None = None, log: str | None = None
    ) -> frozenset[str]:
        """End one attempt, take no work, and answer what was lost."""
        return await self.settle_all([Ending(claim, outcome, progress, log)])

    async def settle_all(self, ended: Sequence[Ending]) -> frozenset[str]:
        """End attempts, take no work, and answer what was lost."""
        return (await self.store.cycle(self.name, ended, (), 0)).lost

    async def finish(self, claims: Sequence[Claim], outcome: Outcome | None = None) -> None:
        """End these, as completed unless it is wished otherwise; none of them may be lost."""
        ended = [Ending(claim, outcome or complete()) for claim in claims]
        assert await self.settle_all(ended) == frozenset()

    async def drain(self, want: int = 1, queues: Sequence[str] = ("default",)) -> list[str]:
        """Claim and complete as long as there is something; answer whose turn it was, in order."""
        done: list[str] = []
        while claims := await self.claim(want, queues):
            done += ids(claims)
            await self.finish(claims)
        return done

    async def sweep(self, limit: int = 1_000, take: int = 1_000) -> Swept:
        """Look after what time changed."""
        return await self.store.sweep(self.name, limit, take=take)


Hire = Callable[[str], Hand]


@pytest.fixture
def hire(store: Store) -> Iterator[Hire]:
    """Make workers by their names; each holds a lease from now on."""
    hands: list[Hand] = []

    def _hire(name: str) -> Hand:
        hand = Hand(store, name)
        hands.append(hand)
        hand.beat()
        return hand

    yield _hire
    for hand in hands:
        hand.heart.close()


async def seen(store: Store, id: str) -> Snapshot:
    """Read a job that must be there."""
    snapshot = await store.get(id)
    assert snapshot is not None, f"the store has lost job {id}"
    return snapshot


async def states(store: Store, *ids: str) -> list[str]:
    """Read where these jobs are."""
    return [(await seen(store, id)).state.value for id in ids]


async def prune(store: Store, ages: Ages, limit: int = 100, runs: int = 0) -> list[str]:
    """Delete what is older than its state allows, as a sweeper does, and answer what that was, in order."""
    outdated = await store.outdated(Retention(ages, runs=runs), limit)
    gone = await store.delete(outdated)
    assert sorted(gone) == sorted(outdated)
    return outdated


def ids(claims: Sequence[Claim]) -> list[str]:
    """Name the jobs of these claims."""
    return [claim.id for claim in claims]
