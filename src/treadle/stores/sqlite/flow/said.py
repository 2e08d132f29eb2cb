"""The statements about lanes, gates and turns, and what is read most."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

from treadle.core.flow.gates import Gate, Standing, idle_at
from treadle.core.flow.steering import Steering, read_steering
from treadle.stores.statements import numbered, text

Changed = Mapping[str, tuple[Gate, Standing]]


def load(name: str, *names: str) -> str:
    """Read a statement of this store's."""
    return numbered(text("treadle.stores.sqlite", name), names)


STEERING = load("steering")
STANDINGS = load("standings", "names")
KEEP_STANDING = load("keep_standing", "name", "used", "mark", "until", "spacing", "spaced_until", "holder", "idle_at")
OPEN_LANES = load("open_lanes", "gate", "queue", "limit")


def steering(connection: sqlite3.Connection) -> Steering:
    """Read what operators and the newest code have said."""
    return read_steering(connection.execute(STEERING).fetchall())


def standings(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, Standing]:
    """Read what is remembered of these gates; those at rest are missing."""
    asked = json.dumps(list(dict.fromkeys(names)))
    return {name: Standing(*fields) for name, *fields in connection.execute(STANDINGS, (asked,))}


def keep_standings(connection: sqlite3.Connection, changed: Changed, now: int) -> None:
    """Write what has become of these gates."""
    connection.executemany(
        KEEP_STANDING,
        [(name, *standing, idle_at(gate, standing, now)) for name, (gate, standing) in changed.items()],
    )


def open_lanes(connection: sqlite3.Connection, rooms: Mapping[tuple[str, str], int]) -> int:
    """Open so many lanes for each queue and gate, the best first; answer how many were."""
    rows = [(gate, queue, room) for (queue, gate), room in rooms.items()]
    return connection.executemany(OPEN_LANES, rows).rowcount if rows else 0
