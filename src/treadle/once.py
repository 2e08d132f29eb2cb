"""An effect that happens once, as far as it can be known: begun is written before, done after it.

    (nothing) ──begin──> begun ──done──> done, with its result
        ^                 │  │
        └──it raised──────┘  the attempt dies here: *unknown*; `resolve` is asked

A record of the job holds the state. It moves by compare-and-set, so of two attempts one gets to try, and only while
the attempt's claim is current. Its version never falls: who has seen an older one changes nothing.
"""

import json
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from treadle.core.errors import NotDone, OutcomeUnknown, SoftTimeout, Stopped
from treadle.core.store import OF_JOB, Pending, Store
from treadle.engine.context import Line
from treadle.signature import read_result

T = TypeVar("T")


class Found(NamedTuple):
    """What is on record of an effect."""

    version: int = 0
    begun: bool = False
    done: bool = False
    result: str | None = None


class Once:
    """One effect of one attempt."""

    def __init__(self, line: Line, store: Store, key: str) -> None:
        self._line, self._store, self._key = line, store, key
        self._version = 0

    async def look(self) -> Found:
        """Read how far the effect is."""
        for _, value, version in await self._store.read(OF_JOB + self._line.claim.id, f"once:{self._key}"):
            told = json.loads(value)
            return Found(version, told["begun"], told["done"], told.get("result"))
        return Found()

    async def begin(self, found: Found) -> None:
        """Write that it is begun now. Raises Stopped if another attempt was faster, or has the job."""
        await self._note(found.version, begun=True, done=False)

    async def end(self, value: Any, version: int | None = None) -> None:
        """Write what came of it. Raises Stopped as `begin` does."""
        result = self._line.encode(value)
        await self._note(self._version if version is None else version, begun=True, done=True, result=result)

    async def forget(self) -> None:
        """Write that it did not happen. Raises Stopped as `begin` does."""
        await self._note(self._version, begun=False, done=False)

    async def _note(self, expect: int, **told: object) -> None:
        if not await self._store.note(self._line.claim, f"once:{self._key}", json.dumps(told), expect):
            raise Stopped(f"another attempt of this job is at {self._key!r}")
        self._version = expect + 1


def once(
    effect: Once, key: str, fn: Callable[[], Pending[T]], resolve: Callable[[], Pending[T]] | None
) -> Generator[Callable[[], Any], Any, T]:
    """Have an effect once: answer what is on record, or find out, or try."""
    found: Found = yield effect.look
    if found.done:
        value: T = read_result(fn, found.result)
        return value
    if found.begun:
        try:
            answer: T = yield _asked(key, resolve)
        except NotDone:
            pass
        else:
            yield lambda: effect.end(answer, found.version)
            return answer
    yield lambda: effect.begin(found)
    try:
        answer = yield fn
    except (OutcomeUnknown, SoftTimeout, Stopped):
        raise  # in the middle of it: it stays begun
    except Exception:
        yield effect.forget
        raise
    yield lambda: effect.end(answer)
    return answer


def _asked(key: str, resolve: Callable[[], Pending[T]] | None) -> Callable[[], Pending[T]]:
    if resolve is None:
        raise OutcomeUnknown(key)
    return resolve
