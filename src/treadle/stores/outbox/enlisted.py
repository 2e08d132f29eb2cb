"""Taking part in a caller's transaction where jobs are kept elsewhere: they wait in its database for the commit."""

from collections.abc import Sequence
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Added, Ending, NewJob
from treadle.core.store import Pending
from treadle.stores.borrowed import Borrowed
from treadle.stores.outbox.documents import written
from treadle.stores.outbox.tables import TABLES
from treadle.stores.steps import Steps


class OutboxEnlisted:
    """Answers that each job is new: who stands for it is only known when it arrives in the store."""

    def __init__(self, borrowed: Borrowed, place: str) -> None:
        if borrowed.dialect not in TABLES:
            raise ConfigError(
                f"tx is a connection to {borrowed.dialect}; jobs on their way to {place} can wait for a commit in"
                " SQLite or PostgreSQL. Enqueue after the commit instead."
            )
        self._borrowed, self._tables, self._place = borrowed, TABLES[borrowed.dialect], place

    def add(self, jobs: Sequence[NewJob]) -> Pending[list[Added]]:
        return self._borrowed.run(self._add(jobs), self._explained)

    def complete(self, ending: Ending) -> Pending[bool]:
        raise ConfigError(
            f"Jobs are kept in {self._place}, so no transaction of a database can complete one: ctx.tx() needs a SQL"
            " store. Make the task safe to repeat instead: ctx.once, or ctx.job_id as the key of what it writes."
        )

    def _add(self, jobs: Sequence[NewJob]) -> Steps[list[Added]]:
        yield self._tables.put([(job.id, written(job)) for job in jobs])
        return [Added(job.id, True) for job in jobs]

    def _explained(self, error: Exception) -> Exception:
        """Say so where the table is missing; any other error is the caller's driver's own."""
        told: Any = getattr(error, "orig", error)
        code = getattr(told, "sqlstate", None) or getattr(told, "pgcode", None)
        if code in ("42P01", "3F000") or "no such table: treadle_outbox" in str(told):
            return ConfigError(
                f"The database of tx has no outbox, in which jobs wait for its commit on their way to {self._place}."
                " Make it with: TREADLE_DATABASE_URL=… treadle db migrate"
            )
        return error
