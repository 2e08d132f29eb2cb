"""The statements about lanes, gates and turns, and what is read most."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from treadle.core.flow.gates import Gate, Standing, idle_at
from treadle.core.flow.opening import SPARE
from treadle.core.flow.steering import Steering, read_steering
from treadle.stores.statements import Bulk, numbered, text


def load(name: str, *names: str) -> str:
    """Read a statement of this store's."""
    return numbered(text("treadle.stores.sqlite", name), names)


STEERING = load("steering")
STANDINGS = load("standings", "names")
KEEP_STANDING = Bulk(text("treadle.stores.sqlite", "keep_standing"), 8)
OPEN_LANES = load("open_lanes", "gate", "queue", "limit", "after", "tenants")

#: Tenants of a queue that are looked at for who is next at a gate.
TENANTS = 200

OPEN_ALL = load("open_all", "gates")
LANES_SHUT = load("lanes_shut", "gates")
QUEUES_SHUT = load("queues_shut", "gate")


def steering(connection: sqlite3.Connection) -> Steering:
    """Read what operators and the newest code have said."""
    return read_steering(connection.execute(STEERING).fetchall())


def standing_row(name: str, gate: Gate, standing: Standing, now: int) -> tuple[object, ...]:
    """Make the row that says what has become of a gate."""
    return (name, *standing, idle_at(gate, standing, now))


def open_lanes(
    connection: sqlite3.Connection, rooms: Mapping[str, int], after: str, queues: Sequence[str] | None = None
) -> int:
    """Open so many lanes for each gate, in each queue or in these, in the order of turns; answer how many were.

    `after`: the tenant who was served last.
    """
    if not rooms:
        return 0
    before = connection.total_changes  # the cursor's rowcount knows no statement that begins with WITH
    shut = dict(connection.execute(LANES_SHUT, (json.dumps(list(rooms)),)).fetchall())
    few = [gate for gate, number in shut.items() if 0 < number <= SPARE]
    if few:
        connection.execute(OPEN_ALL, (json.dumps(few),))
    for gate, number in shut.items():
        if number > SPARE:
            asked = queues or [queue for (queue,) in connection.execute(QUEUES_SHUT, (gate,)).fetchall()]
            connection.executemany(OPEN_LANES, [(gate, queue, rooms[gate], after, TENANTS) for queue in asked])
    return connection.total_changes - before
