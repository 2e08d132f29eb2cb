"""An effect that happens once, as far as it can be known: begun is written before, done after it.

    (nothing) ──begin──> started ──done──> done, with its result
                            │ the attempt dies here: *unknown*; `resolve` is asked

A record of the job holds the state; it moves by compare-and-set, so of two attempts one gets to try.
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
    done: bool = False
    result: str | None = None


class Once:
    """One effect of one attempt."""

    def __init__(self, line: Line, store: Store, key: str) -> None:
        self._line, self._store, self._key = line, store, key
        self._kind = OF_JOB + line.claim.id
        self._version = 0

    async def look(self) -> Found:
        """Read how far the effect is."""
        for record in await self._store.read(self._kind):
            if record.key == f"once:{self._key}":
                told = json.loads(record.value)
                return Found(record.version, told["done"], told.get("result"))
        return Found()

    async def begin(self, found: Found) -> None:
        """Write that it is begun now. Raises Stopped if another attempt was faster."""
        await self._write(json.dumps({"done": False, "epoch": self._line.claim.epoch}), found.version)

    async def end(self, value: Any, version: int | None = None) -> None:
        """Write what came of it."""
        told = {"done": True, "result": self._line.encode(value)}
        await self._write(json.dumps(told), self._version if version is None else version)

    async def forget(self) -> None:
        """Write that it did not happen."""
        await self._write(None, self._version)

    async def _write(self, value: str | None, expect: int) -> None:
        if not await self._store.write(self._kind, f"once:{self._key}", value, expect):
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
    if found.version:
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
