"""What a `postgresql://` URL says, checked once."""

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from treadle.core.errors import ConfigError

DURABILITIES = ("full", "fast")

#: What a URL may say beside these is libpq's or the driver's: passed on as it is.
OWN = ("durability", "schema", "pool")

#: What libpq and asyncpg understand; anything else would be sent to the server as a setting of it.
KNOWN = frozenset({
    "host", "port", "dbname", "database", "user", "password", "passfile", "service", "servicefile", "sslmode",
    "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation", "ssl_min_protocol_version",
    "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib", "options", "application_name",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """Where the database is, and how it is used."""

    dsn: str
    """For the driver; holds the password."""
    url: str
    """For people: without it."""
    durability: str = "full"
    """`full`: as the server is set. `fast`: an answered call may be lost with the server's machine."""
    schema: str = "treadle"
    pool: int = 5
    """Connections at most for each event loop that uses the store."""
    migrate: bool = False
    connect_timeout: float = 5.0
    call_timeout: float = 15.0

    @property
    def channel(self) -> str:
        """Where LISTEN and NOTIFY meet."""
        return self.schema


def settings_from(url: str, migrate: bool = False) -> PostgresSettings:
    """Read `postgresql://user:password@host:5432/database?schema=treadle`. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(
            f"The PostgreSQL URL cannot be read ({error}). It looks like postgresql://user:password@host:5432/database;"
            " characters such as @ / : in a password are written %40 %2F %3A."
        ) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = {name: options.pop(name) for name in OWN if name in options}
    for name in options:
        if name not in KNOWN:
            raise ConfigError(f"The option {name!r} of the PostgreSQL URL is not known; ours are {', '.join(OWN)}.")
    return PostgresSettings(
        dsn=_written(parts, parts.netloc, options),
        url=_written(parts, _masked(parts), {name: value for name, value in options.items() if "password" not in name}),
        durability=_durability(own.get("durability", "full")),
        schema=_schema(own.get("schema", "treadle")),
        pool=_pool(own.get("pool", "5")),
        migrate=migrate,
    )


def _written(parts: SplitResult, netloc: str, options: dict[str, str]) -> str:
    return urlunsplit(("postgresql", netloc, parts.path or "/", urlencode(options), ""))


def _masked(parts: SplitResult) -> str:
    user, at, hosts = parts.netloc.rpartition("@")
    return f"{user.partition(':')[0]}{at}{hosts}"


def _durability(word: str) -> str:
    if word.lower() not in DURABILITIES:
        raise ConfigError(f"durability={word!r} is not known; it is one of {', '.join(DURABILITIES)}.")
    return word.lower()


def _schema(name: str) -> str:
    # It is written into the statements, which take no parameter there.
    if not (name.isascii() and name.replace("_", "a").isalnum() and name[0].isalpha() and name == name.lower()):
        raise ConfigError(f"schema={name!r} cannot name a schema here; use small letters, digits and underscores.")
    if len(name) > 50:
        raise ConfigError(f"schema={name!r} is too long; 50 characters are enough.")
    return name


def _pool(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 2 <= int(text) <= 100):
        raise ConfigError(f"pool={text!r} must be a number of connections from 2 to 100.")
    return int(text)


def place_of(settings: PostgresSettings) -> str:
    """Say to a person which database is meant, in few words."""
    parts = urlsplit(settings.url)
    options = dict(parse_qsl(parts.query))
    host = parts.netloc.rpartition("@")[2] or options.get("host", "localhost")
    name = unquote(parts.path).strip("/") or options.get("dbname") or options.get("database") or "the default database"
    return f"{name} on {host}"
