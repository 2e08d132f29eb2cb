"""Jobs in PostgreSQL 13 and newer: many machines, and one transaction with the application's own data."""

from treadle.core.ids import Clock
from treadle.core.store import Store


def open_postgres(url: str, clock: Clock | None, migrate: bool) -> Store:
    """Make the store that this URL names. Raises ConfigError, MissingDriver."""
    from treadle.stores.drivers import need
    from treadle.stores.postgres.settings import settings_from

    settings = settings_from(url, migrate)
    need("postgres", "asyncpg", "A store in PostgreSQL")
    from treadle.stores.postgres.store import PostgresStore

    return PostgresStore(settings, clock)
