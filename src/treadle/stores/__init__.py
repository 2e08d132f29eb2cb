"""Keeping jobs. The only place that picks a store by its URL; a store decides nothing."""

from typing import TYPE_CHECKING

from treadle.core.errors import ConfigError
from treadle.core.ids import Clock
from treadle.stores.clocks import wall_clock

if TYPE_CHECKING:
    from treadle.core.store import Store


def open_store(url: str, clock: Clock | None = None, *, migrate: bool | None = None) -> "Store":
    """Make the store that a URL names; it connects at its first use.

    `clock` stands for the store's own clock: for tests. `migrate` says whether opening it makes and updates its tables;
    None: only where they are nobody else's (SQLite, Redis). Raises ConfigError.
    """
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if scheme == "sqlite":
        from treadle.stores.sqlite import SqliteStore, settings_from

        return SqliteStore(settings_from(url, migrate is not False), clock or wall_clock)
    if scheme in ("postgresql", "postgres"):
        from treadle.stores.postgres import open_postgres

        return open_postgres(url, clock, migrate is True)
    if scheme in ("redis", "rediss", "valkey", "valkeys", "unix"):
        from treadle.stores.redis import open_redis

        return open_redis(url, clock)
    raise ConfigError(
        f"The store URL starts with {scheme!r}. Jobs are kept in SQLite (sqlite:///jobs.db: a path below this folder;"
        " sqlite:////var/lib/app/jobs.db, four slashes: from the root), in PostgreSQL (postgresql://user@host/database)"
        " or in Redis and Valkey (redis://host:6379/0)."
    )
