"""What a move would find, without changing anything."""

from collections.abc import Mapping
from typing import NamedTuple

from treadle.core.ids import worker_id
from treadle.core.job import Filter, WorkerInfo
from treadle.core.states import State
from treadle.core.store import Store
from treadle.engine.neighbours import identify
from treadle.moving.abandoned import living

Counts = Mapping[tuple[str, State], int]


class Survey(NamedTuple):
    """What is in both stores."""

    here: Counts
    """The source's jobs."""
    there: Counts
    """The target's."""
    workers: tuple[WorkerInfo, ...]
    """Those that live and work on the source."""


async def survey(source: Store, target: Store | None) -> Survey:
    """Look at the source and, if it is there yet, at the target."""
    here = await source.count(Filter())
    there = await target.count(Filter()) if target else {}
    return Survey(here, there, tuple(await living(source, identify(worker_id(), (), 0))))
