"""What a PostgreSQL error means for the owner of the database: a sentence with a remedy."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.postgres.settings import PostgresSettings, place_of

#: A serialization failure, a deadlock, a unique key taken in the same moment, a plan that a change of the tables has
#: outdated: the same call may go through now.
LOST_RACES = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.InvalidCachedStatementError,
)

Meaning = tuple[type[StoreError], str]

UNTAKEN: Meaning = (
    StoreError,
    "it does not take a text or number of this call: no text holds the character NUL or half a character, no number"
    " more than 64 bits",
)

UNWRITABLE: Meaning = (
    StoreUnavailable,
    "this server is a read-only replica, or was made one. Name the primary in the URL, or all hosts with"
    " ?target_session_attrs=read-write",
)

UNENCRYPTED: Meaning = (StoreError, "the encrypted connection cannot be made ({error}). See sslmode in the URL")

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
    (asyncpg.ReadOnlySQLTransactionError, UNWRITABLE),
    (
        asyncpg.TargetServerAttributeNotMatched,
        (StoreUnavailable, "no server of the URL is what its target_session_attrs asks for. It will be tried again"),
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
        (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError),
        (StoreUnavailable, "the server gave the statement up ({error}). See its statement_timeout and lock_timeout"),
    ),
    (
        asyncpg.ProtocolViolationError,  # by which PgBouncer says most of what it has to say
        (StoreUnavailable, "a pooler refused the call ({error}). It will be tried again"),
    ),
    (
        (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        (StoreUnavailable, "the connection was lost ({error}). It is made anew at the next call"),
    ),
    (asyncpg.UndefinedObjectError, (StoreError, "the server does not know an option of the URL ({error})")),
    (asyncpg.ClientConfigurationError, (StoreError, "the URL cannot be used: {error}")),
    (asyncpg.DataError, UNTAKEN),
    (ssl.SSLError, UNENCRYPTED),
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

#: What only words tell: PgBouncer has one code for all its errors.
WORDS: tuple[tuple[str, Meaning], ...] = (
    (
        "statement pooling mode",
        (
            StoreError,
            "its pooler is in statement mode, where no transaction is possible. Set pool_mode = transaction",
        ),
    ),
    ("rejected SSL upgrade", UNENCRYPTED),
)

#: What PgBouncer says of a URL that is wrong, under the code that it has for everything.
MISTAKES = ("does not exist", "no such", "authentication failed")

#: Beginnings of the server's codes for what passes: connections, resources, limits, administrators, its own disk.
PASSING = ("08", "25P", "53", "55P03", "57", "58")

PASSES: Meaning = (StoreUnavailable, "the server could not do it now ({error}). It will be tried again")


@contextmanager
def explained(settings: PostgresSettings) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except (StoreError, *LOST_RACES):
        raise
    except asyncpg.IntegrityConstraintViolationError:
        raise  # our own mistake, not the owner's
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError) as error:
        raise translate(error, settings) from error


def translate(error: Exception, settings: PostgresSettings) -> StoreError:
    """Say what this error means for the owner of the database."""
    make, sentence = _meaning(error)
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    told = sentence.format(error=said, schema=settings.schema)
    return make(f"PostgreSQL, {place_of(settings)}: {told}{'' if told.endswith('?') else '.'}")


def _meaning(error: Exception) -> Meaning:
    for words, meaning in WORDS:
        if words in str(error):
            return meaning
    if isinstance(error, asyncpg.ProtocolViolationError) and any(words in str(error) for words in MISTAKES):
        return StoreError, "a pooler refused this user, password or database ({error}). Correct the URL"
    # The driver's word for a value that it cannot send is both, and has no public name.
    if isinstance(error, asyncpg.InterfaceError) and type(error).__name__ == "DataError":
        return UNTAKEN
    kind, meaning = next((kind, meaning) for kind, meaning in MEANINGS if isinstance(error, kind))
    passes = kind is asyncpg.PostgresError and (getattr(error, "sqlstate", None) or "").startswith(PASSING)
    return PASSES if passes else meaning
