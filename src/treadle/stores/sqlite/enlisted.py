"""Taking part in a caller's transaction on the same file."""

import os
from collections.abc import Sequence
from pathlib import Path

from treadle.core.errors import ConfigError
from treadle.core.ids import Clock
from treadle.core.job import Added, Ending, NewJob
from treadle.core.store import Pending
from treadle.stores.borrowed import Borrowed
from treadle.stores.sqlite import verbs
from treadle.stores.sqlite.settings import SqliteSettings
from treadle.stores.steps import Step, Steps, T


class SqliteEnlisted:
    """Who waits for work hears of the commit from `PRAGMA data_version`: nobody rings for another's commit."""

    def __init__(self, borrowed: Borrowed, settings: SqliteSettings, clock: Clock) -> None:
        if borrowed.dialect != "sqlite":
            raise ConfigError(
                f"tx is a connection to {borrowed.dialect}, but jobs are kept in SQLite ({settings.path}): one"
                " transaction cannot reach both. Enqueue after its commit, or keep the jobs where the data is."
            )
        self._borrowed, self._settings, self._clock = borrowed, settings, clock

    def add(self, jobs: Sequence[NewJob]) -> Pending[list[Added]]:
        return self._run(verbs.adding(self._clock(), jobs))

    def complete(self, ending: Ending) -> Pending[bool]:
        return self._run(verbs.completing(self._clock(), ending))

    def _run(self, verb: Steps[T]) -> Pending[T]:
        return self._borrowed.run(self._here(verb), self._explained)

    def _here(self, steps: Steps[T]) -> Steps[T]:
        """Make sure first that the connection's file is the store's."""
        files = {name: file for _, name, file in (yield Step("PRAGMA database_list"))}
        if not _same(files["main"], self._settings.path):
            raise ConfigError(
                f"tx is a connection to {files['main'] or 'a database in memory'}, but jobs are kept in"
                f" {self._settings.path.absolute()}: one transaction reaches one file."
            )
        return (yield from steps)

    def _explained(self, error: Exception) -> Exception:
        """Say so where the tables are missing; any other error is the caller's driver's own."""
        if "no such table: treadle_" in str(getattr(error, "orig", error)):
            return ConfigError(f"{self._settings.path} has no tables of Treadle's yet. Run: treadle db migrate")
        return error


def _same(file: str, path: Path) -> bool:
    try:
        return bool(file) and os.path.samefile(file, path)
    except OSError:
        return False
