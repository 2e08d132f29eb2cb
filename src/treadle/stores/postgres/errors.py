"""What a PostgreSQL error means for the owner of the database: a sentence with a remedy."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.postgres.settings import PostgresSettings, place_of

#: A serialization failure, a deadlock, a unique key taken in the same moment: the same call may go through now.
LOST_RACES = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)

Meaning = tuple[type[StoreError], str]

#: The first kind that fits decides.
MEANINGS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Meaning], ...] = (
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        (StoreError, "the server refused this user or password ({error}). Correct the URL"),
    ),
    (
        asyncpg.InvalidCatalogNameError,
        (StoreError, "the server has no such database. Create it (`createdb NAME`) or correct the URL"),
    ),
    (
        (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedColumnError),
        (StoreError, "Treadle's tables are not there, or not up to date. Run: treadle db migrate"),
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        (StoreError, "this user may not do that ({error}). Grant it the rights on the schema {schema}"),
    ),
    (
        asyncpg.ReadOnlySQLTransactionError,
        (
            StoreUnavailable,
            "this server is a read-only replica, or was made one. Name the primary in the URL, or all hosts with"
            " ?target_session_attrs=read-write",
        ),
    ),
    (
        asyncpg.CannotConnectNowError,
        (StoreUnavailable, "the server is starting up, recovering or shutting down. It will be tried again"),
    ),
    (
        asyncpg.TooManyConnectionsError,
        (StoreUnavailable, "the server takes no more connections. Raise max_connections, or use a pooler"),
    ),
    (
        (asyncpg.DiskFullError, asyncpg.OutOfMemoryError),
        (StoreUnavailable, "the server is out of space ({error}). Free some; nothing has been lost"),
    ),
    (
        asyncpg.QueryCanceledError,
        (StoreUnavailable, "the server gave the statement up ({error}). See its statement_timeout"),
    ),
    (
        asyncpg.ProtocolViolationError,
        (StoreError, "a pooler or server refused how we speak ({error})"),
    ),
    (
        (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        (StoreUnavailable, "the connection was lost ({error}). It is made anew at the next call"),
    ),
    (asyncpg.UndefinedObjectError, (StoreError, "the server does not know an option of the URL ({error})")),
    (ssl.SSLError, (StoreError, "the encrypted connection cannot be made ({error}). See sslmode in the URL")),
    (asyncpg.InternalClientError, (StoreUnavailable, "the connection is in no good state ({error}). It is given up")),
    (
        asyncpg.InterfaceError,
        (StoreUnavailable, "the connection cannot be used ({error}). It is made anew at the next call"),
    ),
    (
        (TimeoutError, asyncio.TimeoutError),
        (StoreUnavailable, "no answer came in time. Is the server frozen, or the network cut?"),
    ),
    (
        OSError,
        (StoreUnavailable, "nobody answers there ({error}). Start the server or correct the URL"),
    ),
    (asyncpg.PostgresError, (StoreError, "the server refused: {error}")),
    (ValueError, (StoreError, "the URL cannot be used: {error}")),
)


@contextmanager
def explained(settings: PostgresSettings) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except (StoreError, *LOST_RACES):
        raise
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        raise  # our own mistake, not the owner's
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError) as error:
        raise translate(error, settings) from error


def translate(error: Exception, settings: PostgresSettings) -> StoreError:
    """Say what this error means for the owner of the database."""
    make, sentence = next(meaning for kinds, meaning in MEANINGS if isinstance(error, kinds))
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return make(f"PostgreSQL, {place_of(settings)}: " + sentence.format(error=said, schema=settings.schema) + ".")
