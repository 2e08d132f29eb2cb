"""What is remembered of gates, as far as a transaction under the lock has read it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from treadle.core.flow.gates import REST, Gate, Standing, idle_at
from treadle.core.flow.steering import Steering
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.verbs import literal, numbers
from treadle.stores.steps import Steps

Changed = Mapping[str, tuple[Gate, Standing]]

#: Gates that a book may know and still be kept for the next transaction.
MANY = 50_000


class Book:
    """Standings by the names of their gates. What was changed is written with the next claim, or at the end."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self._known = set[str]()
        self._there = set[str]()
        """Those that have a row for certain."""
        self._changed: dict[str, tuple[Gate, Standing]] = {}
        self.standings: dict[str, Standing] = {}
        """Those that are not at rest, of all that are known."""
        self._lanes = set[tuple[str, str]]()
        self._steering: Steering | None = None
        self.shut: set[str] | None = None
        """Gates at which lanes may be shut; None: any."""

    @property
    def is_small(self) -> bool:
        return len(self._known) + len(self._lanes) <= MANY

    def look_up(self, names: Iterable[str]) -> Steps[None]:
        """Read what is remembered of these gates and is not known yet."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._known]
        if not unknown:
            return
        self._known.update(unknown)
        for place, *standing in (yield self._sql("standings", keys=numbers(map(key_of, unknown)))):
            name = unknown[place - 1]
            self._there.add(name)
            self.standings[name] = Standing._make([*standing[:-1], given(standing[-1])])

    def lanes_under(self, steering: Steering) -> set[tuple[str, str]]:
        """Give the lanes, each with its queue, whose gates are known; what is steered may put others before them."""
        if steering is not self._steering:
            self._lanes, self._steering = set(), steering
        return self._lanes

    def standing_of(self, gate: Gate) -> Standing:
        return self.standings.get(gate.name, REST)

    def change(self, changed: Changed) -> None:
        """Note what has become of gates, each of which was looked up."""
        self._changed.update(changed)
        self.standings.update({name: standing for name, (_, standing) in changed.items()})

    def rows(self, now: int, more: Changed = {}) -> dict[str, Any]:  # noqa: B006 - only read
        """Give all that was changed, and more, as the columns that are written."""
        changed = {**self._changed, **more} if more else self._changed
        nothing = dict.fromkeys(("names", "until", "spacing", "spaced_until", "holder"))  # unnest fills up with NULL
        if not changed:
            return {**nothing, "keys": "{}", "used": "{}", "mark": "{}", "idle_at": "{}"}
        columns = dict(
            zip(Standing._fields, zip(*[standing for _, standing in changed.values()], strict=True), strict=True)
        )
        table: dict[str, Any] = {
            **nothing,
            "keys": numbers(map(key_of, changed)),
            "used": numbers(columns["used"]),
            "mark": numbers(columns["mark"]),
            "idle_at": literal([idle_at(gate, standing, now) for gate, standing in changed.values()]),
        }
        if not self._there.issuperset(changed):
            table["names"] = [None if name in self._there else kept(name) for name in changed]
        if any(columns["holder"]):
            table["holder"] = list(map(kept, columns["holder"]))
        return table | {name: numbers(columns[name]) for name in Standing._fields[2:5] if any(columns[name])}

    def note_written(self, more: Changed = {}) -> None:  # noqa: B006 - only read
        """Note that all of these were written."""
        self.change(more)
        self._there.update(self._changed)
        self._changed.clear()

    @property
    def is_written(self) -> bool:
        return not self._changed

    def write(self, now: int) -> Steps[None]:
        """Write what was changed and is not written yet."""
        if self._changed:
            yield self._sql("write_standings", **self.rows(now))
            self.note_written()


@lru_cache(MANY)
def key_of(name: str) -> str:
    """Give the key under which the standing of a gate is kept: no two names have the same."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def kept(text: str) -> str:
    """Write the one character that PostgreSQL takes in no text in a way that no other text is written."""
    return text.replace("\\", "\\\\").replace("\0", "\\0") if "\0" in text or "\\" in text else text


def given(text: str) -> str:
    """Read a text that was `kept`."""
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\0", "\0") for part in parts)
