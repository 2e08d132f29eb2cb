"""What is remembered of gates, as far as a transaction under the lock has read it."""

from collections.abc import Iterable, Mapping
from typing import Any

from treadle.core.flow.gates import REST, Gate, Standing, idle_at
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.verbs import columns, literal
from treadle.stores.steps import Steps

Changed = Mapping[str, tuple[Gate, Standing]]

ROW = ("id", "name", "used", "mark", "until", "spacing", "spaced_until", "holder", "idle_at")
NUMBERS = tuple(name for name in ROW if name not in ("name", "holder"))


class Book:
    """Standings by the names of their gates. What was changed is written with the next claim, or at the end."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self._ids: dict[str, int | None] = {}
        self._changed: dict[str, tuple[Gate, Standing]] = {}
        self.standings: dict[str, Standing] = {}
        """Those that are not at rest, of all that were asked for."""

    def look_up(self, names: Iterable[str]) -> Steps[None]:
        """Read what is remembered of these gates and was not read yet."""
        unknown = [kept(name) for name in dict.fromkeys(names) if name not in self._ids]
        if not unknown:
            return
        self._ids.update(dict.fromkeys(map(given, unknown)))
        for id, name, used, mark, until, spacing, spaced_until, holder in (yield self._sql("standings", names=unknown)):
            self._ids[given(name)] = id
            self.standings[given(name)] = Standing(used, mark, until, spacing, spaced_until, given(holder))

    def standing_of(self, gate: Gate) -> Standing:
        return self.standings.get(gate.name, REST)

    def change(self, changed: Changed) -> None:
        """Note what has become of gates, each of which was looked up."""
        self._changed.update(changed)
        self.standings.update({name: standing for name, (_, standing) in changed.items()})

    def rows(self, now: int, more: Changed = {}) -> dict[str, Any]:  # noqa: B006 - only read
        """Give all that was changed, and more, as the columns that are written."""
        changed = {**self._changed, **more} if more else self._changed
        table = columns(ROW, [self._row(name, *each, now) for name, each in changed.items()])
        return table | {name: literal(table[name]) for name in NUMBERS}

    def _row(self, name: str, gate: Gate, standing: Standing, now: int) -> tuple[Any, ...]:
        *numbers, holder = standing
        return self._ids[name], kept(name), *numbers, kept(holder), idle_at(gate, standing, now)

    def note_written(self, more: Changed = {}) -> None:  # noqa: B006 - only read
        """Note that all of these were written."""
        self.change(more)
        for name in self._changed:
            if self._ids[name] is None:
                del self._ids[name]  # it has a number now, which the next look will tell
        self._changed.clear()

    def write(self, now: int) -> Steps[None]:
        """Write what was changed and is not written yet."""
        if self._changed:
            yield self._sql("write_standings", **self.rows(now))
            self.note_written()


def kept(text: str) -> str:
    """Write the one character that PostgreSQL takes in no text in a way that no other text is written."""
    return text.replace("\\", "\\\\").replace("\0", "\\0") if "\0" in text or "\\" in text else text


def given(text: str) -> str:
    """Read a text that was `kept`."""
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\0", "\0") for part in parts)
