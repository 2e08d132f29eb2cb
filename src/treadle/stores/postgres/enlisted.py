"""Taking part in a caller's transaction in the same database."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Added, Ending, NewJob
from treadle.core.store import Pending
from treadle.stores.borrowed import Borrowed
from treadle.stores.postgres import verbs
from treadle.stores.postgres.settings import PostgresSettings, place_of
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Step, Steps, T

#: What PostgreSQL says of tables that are not there (appendix A of its manual): in the caller's database, hence.
NO_TABLES = ("42P01", "3F000")


class PostgresEnlisted:
    """Notifications leave with the caller's commit, so workers hear of the jobs at once."""

    def __init__(
        self,
        borrowed: Borrowed,
        sql: Statements,
        settings: PostgresSettings,
        database: Callable[[], str],
        find_database: Callable[[], Coroutine[Any, Any, str]],
    ) -> None:
        """`database` names the store's own, as its server does; `find_database` does so without blocking."""
        if borrowed.dialect != "postgresql":
            raise ConfigError(
                f"tx is a connection to {borrowed.dialect}, but jobs are kept in PostgreSQL ({place_of(settings)}): one"
                " transaction cannot reach both. Enqueue after its commit, or keep the jobs where the data is."
            )
        self._borrowed, self._sql, self._settings = borrowed, sql, settings
        self._database, self._find_database = database, find_database

    def add(self, jobs: Sequence[NewJob]) -> Pending[list[Added]]:
        return self._run(verbs.add(self._sql, jobs))

    def complete(self, ending: Ending) -> Pending[bool]:
        return self._run(verbs.complete(self._sql, ending))

    def _run(self, verb: Steps[T]) -> Pending[T]:
        return self._run_soon(verb) if self._borrowed.awaits else self._run_now(verb)

    def _run_now(self, verb: Steps[T]) -> T:
        return self._borrowed.run_now(self._here(verb, self._database()), self._explained)

    async def _run_soon(self, verb: Steps[T]) -> T:
        return await self._borrowed.run_soon(self._here(verb, await self._find_database()), self._explained)

    def _here(self, verb: Steps[T], ours: str) -> Steps[T]:
        """Look first whether this is our database: another may have tables of the same names, and other workers."""
        ((database,),) = yield Step("SELECT current_database()")
        if database != ours:
            raise ConfigError(
                f"tx is a connection to the database {database}, but jobs are kept in {place_of(self._settings)}:"
                " one transaction cannot reach both. Enqueue after its commit, or keep the jobs where the data is."
            )
        return (yield from verb)

    def _explained(self, error: Exception) -> Exception:
        """Say so where the tables are missing; any other error is the caller's driver's own."""
        if _code_of(error) in NO_TABLES:
            return ConfigError(
                f"The database of tx has no tables of Treadle's, while jobs are kept in {place_of(self._settings)}. Is"
                " it the same database? If so, run: treadle db migrate"
            )
        return error


def _code_of(error: Any) -> str | None:
    error = getattr(error, "orig", error)
    code: str | None = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code
