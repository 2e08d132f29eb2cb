"""What is remembered of gates, in this process from one transaction to the next, as long as nobody else writes."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

from treadle.core.flow.gates import ORDER, REST, Gate, Standing
from treadle.stores.sqlite.flow import said

Changed = Mapping[str, tuple[Gate, Standing]]

#: Gates that are remembered at most.
MOST = 50_000


class Book:
    """Standings by the names of their gates, for one connection. A verb opens it first, and writes it at the end."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        """Those of all gates that were looked up, also the ones at rest."""
        self._changed: dict[str, tuple[Gate, Standing]] = {}
        self._ordered = set[str]()
        self._version: int | None = None

    def open(self, connection: sqlite3.Connection) -> None:
        """Forget what may have been changed past this book; the connection must hold the write lock."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()  # moves when another connection has written
        if version != self._version or len(self.standings) > MOST:
            self.forget()
            self._version = version
        for name in self._ordered:
            self.standings.pop(name, None)  # triggers write these
        self._ordered.clear()

    def forget(self) -> None:
        """Forget all: it was written past this book, or what the book wrote was rolled back."""
        self.standings.clear()
        self._changed.clear()

    def look_up(self, connection: sqlite3.Connection, gates: Iterable[Gate]) -> None:
        """Read what is remembered of these gates and is not known."""
        known = self.standings
        unknown = {gate.name: gate for gate in gates if gate.name not in known}
        if unknown:
            known.update(dict.fromkeys(unknown, REST))
            self._ordered.update(name for name, gate in unknown.items() if gate.kind == ORDER)
            for name, *fields in connection.execute(said.STANDINGS, (json.dumps(list(unknown)),)):
                known[name] = Standing(*fields)

    def standing_of(self, gate: Gate) -> Standing:
        """Give that of a gate that was looked up."""
        return self.standings[gate.name]

    def change(self, changed: Changed) -> None:
        """Note what has become of gates that were looked up."""
        self._changed.update(changed)
        self.standings.update([(name, standing) for name, (_, standing) in changed.items()])

    def write(self, connection: sqlite3.Connection, now: int) -> None:
        """Write what was changed."""
        if self._changed:
            rows = [said.standing_row(name, *each, now) for name, each in self._changed.items()]
            for statement, values in said.KEEP_STANDING.pieces(rows):
                connection.execute(statement, values)
            self._changed.clear()
