"""The statement files of one schema, each read at its first use."""

import hashlib
from collections.abc import Sequence
from typing import Any

from treadle.core.ids import Clock, Ids
from treadle.stores.clocks import wall_clock
from treadle.stores.statements import Query, text
from treadle.stores.steps import Step

#: How far a claim on several queues looks ahead: written into its statement, for a planner that knows the number takes
#: the index. The first that is wide enough is used.
WINDOWS = (64, 512, 4096)


class Statements:
    """Gives the step of a statement by its name; the clock and the channel need not be given."""

    def __init__(self, schema: str, clock: Clock | None) -> None:
        self._schema, self._clock = schema, clock
        self.ids = Ids(wall_clock)
        """For the keys of jobs whose ids are none."""
        # Names our lock among those of other applications, and of other schemas.
        named = hashlib.blake2b(f"treadle {schema}".encode(), digest_size=8).digest()
        self._lock = int.from_bytes(named, "big", signed=True)
        self._read: dict[tuple[str, ...], Query] = {}

    def __call__(self, name: str, /, **values: Any) -> Step:
        """Give `sql/<name>.sql` with these values."""
        return self._step((name,), values)

    def finding(self, way: str, conditions: Sequence[str], direction: str = "DESC", /, **values: Any) -> Step:
        """Give `find`, which chooses jobs that meet these conditions in one of the ways `choose…`."""
        parts = ("chosen", self._text(way), "where", _all_of(conditions), "direction", direction)
        return self._step(("find", *parts), values)

    def counting(self, conditions: Sequence[str], /, **values: Any) -> Step:
        """Give `count` of the jobs that meet these conditions."""
        return self._step(("count", "where", _all_of(conditions)), values)

    def claiming(self, name: str, number: int, want: int, /, **values: Any) -> Step:
        """Give `cycle` or `claim` for so many queues; `shares` among the values: some of each go first."""
        flow, picked = "flow_one", self._text("pick_one")
        if number > 1:
            window = next((width for width in WINDOWS if width >= 2 * want + 50), WINDOWS[-1])
            way = "pick_shared" if "shares" in values else "pick_many"
            flow, picked = "flow_many", self._text(way).replace("{window}", str(window))
        return self._step((name, "flow", self._text(flow), "picked", picked), {"want": want, **values})

    def arriving(self, name: str, in_lanes: bool, /, **values: Any) -> Step:
        """Give a statement that inserts jobs, some of which may wait in lanes."""
        return self._step((name, "arrive", self._text("arrive") if in_lanes else ""), values)

    def loading(self, **values: Any) -> Step:
        """Give `load`, which begins with a glance."""
        return self._step(("load", "glance", self._text("glance")), values)

    def locking(self) -> Step:
        """Give `flow_lock`, which makes this transaction the only one that claims from lanes, until it ends."""
        return self._step(("flow_lock",), {"lock": self._lock})

    def _step(self, key: tuple[str, ...], values: dict[str, Any]) -> Step:
        query = self._read.get(key)
        if query is None:
            name, *parts = key
            written = self._text(name)
            for place, part in zip(parts[::2], parts[1::2], strict=True):
                written = written.replace(f"{{{place}}}", part.strip())
            query = self._read[key] = Query(written)
        now = self._clock() if self._clock else None
        return query(channel=self._schema, now=now, **values)

    def _text(self, name: str) -> str:
        # A name of a table takes no parameter; the schema's has been checked to be a plain word, if a reserved one.
        written = text("treadle.stores.postgres", name)
        return written if self._schema == "treadle" else written.replace("treadle.", f'"{self._schema}".')


def _all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"
