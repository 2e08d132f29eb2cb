"""What is read first under the lock: the word that was left, what is steered, and what opens by itself."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from treadle.core.flow.gates import Park
from treadle.core.flow.steering import Steering, is_for_all, read_steering
from treadle.core.job import Claim, Ending, Spent
from treadle.core.outcomes import complete
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps

#: Lanes that are opened at once since their instant has come, and words that are read at once.
OPENED, WORDS = 1_000, 10_000


class Gone(NamedTuple):
    """A job that has left for good while it waited."""

    lane: str
    id: str


class View(NamedTuple):
    """What a transaction under the lock knows at its beginning."""

    now: int
    leased: bool
    open: bool
    """A lane of one of these queues is open."""
    stands: bool
    """What the transaction has written that was asked for."""
    shut: bool
    """A lane may be shut."""
    steering: Steering
    gone: Sequence[Gone]
    ended: Sequence[Ending]
    """Attempts that have ended in transactions of users."""
    unread: bool
    """There are more words than were read."""
    until: int | None
    """When the next lane opens by itself, as far as it was not opened here."""
    digested: bool = False
    """Word was read, and lanes may have been opened."""

    @property
    def steered(self) -> bool:
        """Something is steered that concerns jobs without a lane, too."""
        return any(map(is_for_all, self.steering))


def look(
    sql: Statements, worker: str, queues: Sequence[str], before: int | None = None, *, unsure: bool = False
) -> Steps[View]:
    """Read what was left word of, put it in line, and open lanes whose instant has come.

    `before`: a transaction of which it is asked whether it stands; `unsure`: whether lanes are shut is asked, too.
    """
    found = yield sql("glance", worker=worker, queues=list(queues), before=before, unsure=unsure)
    if not found[0][-1]:
        return view_of(*found[0])
    found = yield sql("digest", worker=worker, queues=list(queues), most=WORDS, open=OPENED, before=before)
    *seen, gone, read, until = found[0]
    told = [json.loads(text) for text in gone]
    return view_of(*[*seen, until, False])._replace(
        gone=[Gone(lane, id) for _, lane, id, story in told if story is None],
        ended=[read_ending(queue, lane, id, story) for queue, lane, id, story in told if story is not None],
        unread=read == WORDS,
        digested=True,
    )


def view_of(
    now: int,
    leased: bool,
    open: bool,
    targets: Sequence[str],
    steers: Sequence[str],
    steered: bool,
    stands: bool,
    shut: bool,
    until: int | None,
    more: bool,
) -> View:
    """Read a row of `glance.sql`; `unread` where it says that there is word."""
    return View(now, leased, open, stands, shut, _steering(tuple(targets), tuple(steers)), (), (), more, until)


@lru_cache(8)
def _steering(targets: Sequence[str], steers: Sequence[str]) -> Steering:
    """Read what is steered; mostly it is the same as the last time."""
    return read_steering(zip(targets, steers, strict=True))


def read_ending(queue: str, lane: str | None, id: str, told: str) -> Ending:
    """Read what `verbs.tell` has told."""
    task, tenant, spent, park = json.loads(told)
    nothing: dict[str, Any] = dict.fromkeys(("expires_at", "result_ttl", "owner", "batch", "meta"))
    claim = Claim(
        ref=id, id=id, task=task, queue=queue, args="{}", priority=0, attempt=0, max_attempts=0, epoch=0, crashes=0,
        queued_at=0, tenant=tenant, lane=lane, **nothing,
    )  # fmt: skip
    outcome = complete()._replace(park=park and Park(*park))
    return Ending(claim, outcome, spent=tuple(Spent(*each) for each in spent))
