"""A worker's lease in SQLite, over a connection of its own."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from treadle.core.ids import Clock
from treadle.core.job import Report, WorkerInfo
from treadle.stores.sqlite.connection import connect, writing
from treadle.stores.sqlite.settings import SqliteSettings
from treadle.stores.sqlite.verbs import BEAT, BURY, HOLDINGS, keep_reports


class SqliteHeart:
    """Renews the lease; blocking, for one thread."""

    def __init__(self, settings: SqliteSettings, clock: Clock, worker: WorkerInfo) -> None:
        # A heart that waits long for a lock cannot tell its worker in time that it is silent.
        self._settings = replace(settings, patience=min(settings.patience, 2.0))
        self._clock, self._worker = clock, worker
        self._connection: sqlite3.Connection | None = None

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        connection = self._connection = self._connection or self._connect()
        with writing(connection, self._settings):
            connection.execute(BEAT, self._row(lease))
            keep_reports(connection, reports)
            held = connection.execute(HOLDINGS, (self._worker.id,)).fetchall()
        return {id: bool(cancel) for id, cancel in held}

    def leave(self) -> None:
        connection = self._connection = self._connection or self._connect()
        with writing(connection, self._settings):
            connection.execute(BURY, (json.dumps([self._worker.id]),))

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._settings, cache_kib=512)
        # A beat that power loss takes was no promise to anybody: its worker is gone too.
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _row(self, lease: int) -> tuple[object, ...]:
        worker = self._worker
        return (
            worker.id, self._clock(), lease, worker.host, worker.space, worker.pid, worker.born,
            json.dumps(worker.queues), worker.slots, json.dumps(dict(worker.details)),
        )  # fmt: skip
