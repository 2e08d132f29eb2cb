"""What a `postgresql://` URL says, checked once."""

import re
from dataclasses import dataclass, replace
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

#: One of the hosts of a URL, with its port.
HOST = re.compile(r"(?:\[[\w:.%]+\]|[^\[\]:@]*)(?::(?P<port>\d{1,5}))?")

ATTRIBUTES = ("any", "primary", "read-write", "prefer-standby", "standby", "read-only")

UNREADABLE = (
    "The PostgreSQL URL cannot be read. It looks like postgresql://user:password@host:5432/database; characters such as"
    " @ / : in a name or password are written %40 %2F %3A."
)


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
    parts = _split(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = {name: options.pop(name) for name in OWN if name in options}
    _check(options, parts.query)
    made = PostgresSettings(
        dsn=_written(parts, parts.netloc, options),
        url="",
        durability=_durability(own.get("durability", "full")),
        schema=_schema(own.get("schema", "treadle")),
        pool=_pool(own.get("pool", "5")),
        migrate=migrate,
    )
    return replace(made, url=_written(parts, _masked(parts), {**_shown(options), **_unusual(made)}))


def _shown(options: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if "password" not in name}


def _unusual(settings: PostgresSettings) -> dict[str, str]:
    """Name what is ours and not as usual, as far as it says where jobs are and what they survive."""
    told = {"schema": (settings.schema, "treadle"), "durability": (settings.durability, "full")}
    return {name: value for name, (value, usual) in told.items() if value != usual}


def _split(url: str) -> SplitResult:
    """Take a URL apart. Says nothing of what it cannot read: that may be a part of the password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(UNREADABLE) from None
    who, _, hosts = parts.netloc.rpartition("@")
    strays = "@" in who or "@" in parts.path or parts.fragment
    if strays or not all(map(_is_host, hosts.split(","))):
        raise ConfigError(UNREADABLE)
    return parts


def _is_host(text: str) -> bool:
    match = HOST.fullmatch(text)
    return match is not None and 0 < int(match["port"] or 5432) < 65_536


def _check(options: dict[str, str], query: str) -> None:
    for name, value in options.items():
        if name not in KNOWN:
            if "@" in query:
                raise ConfigError(UNREADABLE)
            raise ConfigError(f"The option {name!r} of the PostgreSQL URL is not known; ours are {', '.join(OWN)}.")
        if name == "port" and not all(_is_host(f":{port}") for port in value.split(",")):
            raise ConfigError(f"port={value!r} in the PostgreSQL URL must be a number up to 65535.")
        if name == "target_session_attrs" and value not in ATTRIBUTES:
            raise ConfigError(f"target_session_attrs={value!r} is not known; it is one of {', '.join(ATTRIBUTES)}.")


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
    plain = name.isascii() and name.replace("_", "a").isalnum() and name[0].isalpha() and name == name.lower()
    if not plain or name.startswith("pg_"):
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
