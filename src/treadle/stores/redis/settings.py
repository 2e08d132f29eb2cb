"""What a `redis://` URL says, checked once."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from treadle.core.errors import ConfigError

OPTIONS = (
    "prefix", "db", "sentinel_username", "sentinel_password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile",
    "ssl_cert_reqs",
)  # fmt: skip

#: Options that go to the encrypted connection as they are.
ENCRYPTION = tuple(name for name in OPTIONS if name.startswith("ssl_"))

EXAMPLES = (
    "It looks like redis://user:password@host:6379/0, unix:///run/redis.sock, redis+sentinel://host1,host2/service"
    " or redis+cluster://host1:7000,host2:7001; characters such as @ / : in a password are written %40 %2F %3A."
)


class Kind(StrEnum):
    """How the servers are arranged; the value is what the URL's scheme adds."""

    SERVER = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


class Address(NamedTuple):
    """Where a server listens: a host and port, or the path of a socket."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


class Login(NamedTuple):
    """Who we are to a server."""

    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where the servers are, and how we speak to them."""

    url: str
    """For people: without secrets."""
    kind: Kind
    addresses: tuple[Address, ...]
    """Of the server, of the sentinels, or of some nodes of the cluster."""
    login: Login = field(default=Login(), repr=False)
    db: int = 0
    service: str = ""
    """What the sentinels call the servers that they watch."""
    sentinel_login: Login = field(default=Login(), repr=False)
    prefix: str = "treadle"
    encryption: dict[str, str] | None = field(default=None, repr=False)
    """Options of an encrypted connection; None: it is not encrypted."""
    connect_timeout: float = 5.0
    call_timeout: float = 10.0

    @property
    def where(self) -> str:
        """Say to a person which servers are meant, in few words."""
        hosts = ", ".join(map(str, self.addresses))
        match self.kind:
            case Kind.SENTINEL:
                return f"{self.service} (sentinels {hosts})"
            case Kind.CLUSTER:
                return f"cluster {hosts}"
        return hosts

    @property
    def place(self) -> str:
        """Begin a sentence about them."""
        return f"Redis, {self.where}"


def settings_from(url: str) -> RedisSettings:
    """Read `redis://`, `rediss://`, `valkey://`, `valkeys://`, with `+sentinel` or `+cluster`, or `unix://`.

    Raises ConfigError.
    """
    try:
        parts = urlsplit(url)
        scheme, plus, kind = parts.scheme.partition("+")
        login, hosts = _divide(parts.netloc)
        settings = _settle(scheme.replace("valkey", "redis"), Kind(plus + kind), login, hosts, parts.path)
    except ValueError:  # its own words may repeat a password
        raise _refused("its scheme, hosts or ports have no such form") from None
    return _with_options(settings, dict(parse_qsl(parts.query, keep_blank_values=True)))


def _refused(why: str) -> ConfigError:
    return ConfigError(f"The Redis URL cannot be used: {why}. {EXAMPLES}")


def _divide(netloc: str) -> tuple[Login, tuple[str, ...]]:
    """Part `user:password@host1,host2`."""
    user, _, hosts = netloc.rpartition("@")
    name, _, password = user.partition(":")
    return Login(unquote(name) or None, unquote(password) or None), tuple(filter(None, hosts.split(",")))


def _settle(scheme: str, kind: Kind, login: Login, hosts: tuple[str, ...], path: str) -> RedisSettings:
    if scheme == "unix":
        if kind is not Kind.SERVER or hosts or not path.strip("/"):
            raise _refused("unix:// has three slashes and then the path of a socket")
        return RedisSettings("", kind, (Address(unquote(path)),), login)
    port = 26379 if kind is Kind.SENTINEL else 6379
    addresses = tuple(_address(host, port) for host in hosts) or (Address("localhost", port),)
    words = [unquote(word) for word in path.strip("/").split("/") if word]
    service = words.pop(0) if kind is Kind.SENTINEL and words else ""
    _check(kind, addresses, service, words)
    db = _number(words[0]) if words else 0
    return RedisSettings("", kind, addresses, login, db, service, encryption={} if scheme == "rediss" else None)


def _check(kind: Kind, addresses: tuple[Address, ...], service: str, words: list[str]) -> None:
    if kind is Kind.SENTINEL and not service:
        raise _refused("behind the hosts of the sentinels stands the service that they watch")
    if kind is Kind.SERVER and len(addresses) > 1:
        raise _refused("it names several hosts; write redis+sentinel:// or redis+cluster://")
    if kind is Kind.CLUSTER and words:
        raise _refused("a cluster has no databases")
    if len(words) > 1:
        raise _refused("its path is longer than the number of a database")


def _address(text: str, port: int) -> Address:
    parts = urlsplit("//" + text)
    if not parts.hostname:
        raise _refused("a host is missing")
    return Address(parts.hostname, parts.port or port)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise _refused("a database is named by its number")
    return int(text)


def _with_options(settings: RedisSettings, options: dict[str, str]) -> RedisSettings:
    for name in options:
        if name not in OPTIONS:
            raise ConfigError(f"The option {name!r} of the Redis URL is not known; there are {', '.join(OPTIONS)}.")
    encryption = {name: options[name] for name in ENCRYPTION if name in options}
    if encryption and settings.encryption is None:
        raise ConfigError("An option of the Redis URL begins with ssl_, but it is not encrypted: write rediss://")
    made = replace(
        settings,
        db=_number(options["db"]) if "db" in options else settings.db,
        sentinel_login=Login(options.get("sentinel_username"), options.get("sentinel_password")),
        prefix=_prefix(options.get("prefix", "treadle")),
        encryption=settings.encryption if settings.encryption is None else encryption,
    )
    if made.db and made.kind is Kind.CLUSTER:
        raise _refused("a cluster has no databases")
    return replace(made, url=_written(made))


def _prefix(name: str) -> str:
    # It stands in every key, in front of what could be mistaken for its end.
    if not (name.isascii() and name.replace("-", "a").replace("_", "a").replace(".", "a").isalnum()):
        raise ConfigError(f"prefix={name!r} cannot begin keys; use letters, digits, hyphens, underscores and dots.")
    if len(name) > 100:
        raise ConfigError(f"prefix={name!r} is too long; 100 characters are enough.")
    return name


def _written(settings: RedisSettings) -> str:
    """Write the URL without secrets."""
    user = f"{quote(settings.login.username, safe='')}@" if settings.login.username else ""
    options = {} if settings.prefix == "treadle" else {"prefix": settings.prefix}
    if not settings.addresses[0].port:
        query = urlencode({"db": settings.db, **options})
        return f"unix://{user}{quote(settings.addresses[0].host)}?{query}"
    hosts = ",".join(map(_host, settings.addresses))
    path = "" if settings.kind is Kind.CLUSTER else f"/{settings.db}"
    if settings.kind is Kind.SENTINEL:
        path = f"/{quote(settings.service, safe='')}{path}"
    query = f"?{urlencode(options)}" if options else ""
    return f"redis{'' if settings.encryption is None else 's'}{settings.kind}://{user}{hosts}{path}{query}"


def _host(address: Address) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else str(address)
