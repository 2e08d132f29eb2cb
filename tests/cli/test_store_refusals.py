"""Servers that cannot keep jobs, each for another reason: one sentence with the remedy, exit code 5, asked a few times.

Every server is a real one behind a wire that counts who comes. The old one is today's, heard to tell another version.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.cli.acting import Answer, Cli, toy
from tests.servers.given import GivenPostgres
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.servers.valkey import Valkey
from tests.stores.postgres.conftest import migrate
from treadle import samples

pytestmark = pytest.mark.server

Call = Callable[..., Answer]

SECRET = "s3cret-w0rd"

#: Connections that one command may make before it gives up.
FEW = 4

STATUS, MIGRATE = ["db", "status"], ["db", "migrate"]
LOOKS = (
    STATUS, MIGRATE, ["job", "list"], ["job", "cancel", "0192"], ["job", "watch", "0192"],
    ["mail", "import", str(samples.path())],
)  # fmt: skip
WORKERS = (
    ["worker", "run", "jobs:app"],
    ["worker", "run", "jobs:app", "--quiet"],
    ["worker", "run", "jobs:app", "--processes", "2"],
    ["up", "--app", "jobs:app"],
)

#: What can be done there all the same; that the status then ends with 1 is the business of test_db.
POSSIBLE = {"no tables": [STATUS, MIGRATE], "newer tables": [STATUS], "newer keys": [STATUS]}


class Trouble(NamedTuple):
    """A store that cannot be used, what must be said of it (a pattern), and the wire that leads there."""

    url: str
    said: str
    wire: Proxy


# -- PostgreSQL --------------------------------------------------------------------------


class Databases:
    """Databases in which something is wrong, and wires to them."""

    def __init__(self, server: Postgres | GivenPostgres, closing: ExitStack) -> None:
        self.server, self._closing = server, closing
        self.at = urlsplit(server.url("jobs", tcp=True))

    async def make(self, name: str, *, tables: bool = True, then: str = "") -> None:
        """Make a database for the length of the test, and do something to it."""
        url = self.server.create_database(name)
        self._closing.callback(self.server.drop_database, name)
        if tables:
            await migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(then.encode())

    def behind_a_wire(self, name: str, said: str, told: dict[bytes, bytes] | None = None) -> Trouble:
        """Make a wire that leads to a database."""
        wire = self._closing.enter_context(Proxy(self.at.hostname or "", self.at.port or 5432, told))
        where = self.server.url(name, tcp=True).replace(f":{self.at.port}/", f":{wire.port}/")
        return Trouble(where, said, wire)


async def no_answer(there: Databases) -> Trouble:
    trouble = there.behind_a_wire("jobs", r"nobody answers there .*Start the server or correct the URL\.$")
    trouble.wire.cut()
    return trouble


async def wrong_password(there: Databases) -> Trouble:
    trouble = there.behind_a_wire("postgres", r"the server refused this user or password .*Correct the URL\.$")
    return trouble._replace(url=trouble.url.replace(f":{there.at.password}@", f":{SECRET}@"))


async def no_such_database(there: Databases) -> Trouble:
    return there.behind_a_wire("nowhere", r"nowhere on .* no such database\. Create it \(`createdb NAME`\)")


async def read_only(there: Databases) -> Trouble:
    """As a standby is, for whoever looks; a real one is in the tests of the store."""
    await there.make("written", then="ALTER DATABASE written SET default_transaction_read_only = on")
    return there.behind_a_wire("written", r"read-only: a replica, or set so\. Name the primary in the URL")


async def no_tables(there: Databases) -> Trouble:
    await there.make("bare", tables=False)
    return there.behind_a_wire("bare", r"no tables of Treadle's yet\. Run: treadle db migrate")


async def newer_tables(there: Databases) -> Trouble:
    await there.make("newer", then="INSERT INTO treadle.schema_version (version) VALUES (9999)")
    return there.behind_a_wire("newer", r"newer Treadle \(schema 9999.* pip install -U treadle$")


async def old_server(there: Databases) -> Trouble:
    await there.make("old")
    major, minor = there.server.version[:2]
    number, word = struct.pack(">i", major * 10_000 + minor), f"{major}.{minor}".encode()
    told = {number: struct.pack(">i", 120_000 + minor), word: f"12.{minor}".encode()}
    return there.behind_a_wire("old", r"version 12\.\d+.* is too old; Treadle needs PostgreSQL 13 or newer\.$", told)


# -- Redis -------------------------------------------------------------------------------


class Caches:
    """Servers in which something is wrong, and wires to them."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self._folder, self._closing = folder, closing

    def start(self, **wishes: Any) -> Valkey:
        with skipping():
            return self._closing.enter_context(Valkey.start(self._folder, **wishes))

    def behind_a_wire(
        self, server: Valkey, said: str, db: int = 0, *, password: str = "", told: dict[bytes, bytes] | None = None
    ) -> Trouble:
        """Make a wire that leads to a server."""
        wire = self._closing.enter_context(Proxy(*server.address, told))
        return Trouble(f"redis://{password and f':{password}@'}127.0.0.1:{wire.port}/{db}", said, wire)


async def no_answer_of_redis(there: Caches) -> Trouble:
    trouble = there.behind_a_wire(there.start(), r"does not answer .*Start it, or correct the URL\.$")
    trouble.wire.cut()
    return trouble


async def wrong_password_of_redis(there: Caches) -> Trouble:
    said = r"the server refused this user or password\. Correct the URL"
    return there.behind_a_wire(there.start(password="geheim"), said, password=SECRET)


async def no_such_number(there: Caches) -> Trouble:
    return there.behind_a_wire(there.start(), r"no database of this number\. Correct the URL, or raise `databases`", 99)


async def replica(there: Caches) -> Trouble:
    second = there.start(options={"replicaof": there.start().address})
    return there.behind_a_wire(second, r"is a replica, which takes no writes\. Name the primary, or its sentinels")


async def evicting(there: Caches) -> Trouble:
    server = there.start(options={"maxmemory-policy": "allkeys-lru"})
    return there.behind_a_wire(server, r"maxmemory-policy allkeys-lru .*CONFIG SET maxmemory-policy noeviction")


async def newer_keys(there: Caches) -> Trouble:
    server = there.start()
    with server.client() as client:
        client.set("{treadle}:schema", 99)
    return there.behind_a_wire(server, r"newer Treadle \(schema 99; .* pip install -U treadle$")


async def old_redis(there: Caches) -> Trouble:
    told = {b"redis_version:7": b"redis_version:6"}
    return there.behind_a_wire(there.start(), r" is too old; Treadle needs Redis 7 or Valkey 8, or newer\.$", told=told)


# -- what all commands say -----------------------------------------------------------------

OF_POSTGRES = (no_answer, wrong_password, no_such_database, read_only, no_tables, newer_tables, old_server)
OF_REDIS = (
    no_answer_of_redis, wrong_password_of_redis, no_such_number, replica, evicting, newer_keys, old_redis,
)  # fmt: skip


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=[*OF_POSTGRES, *OF_REDIS], ids=lambda make: make.__name__.replace("_", " "))
async def trouble(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Trouble:
    """A store with which something is wrong, of each kind."""
    if request.param in OF_REDIS:
        made: Trouble = await request.param(Caches(tmp_path, closing))
    else:
        made = await request.param(Databases(request.getfixturevalue("postgres"), closing))
    return made


@pytest.fixture
def possible(request: pytest.FixtureRequest, trouble: Trouble) -> Sequence[list[str]]:
    """What can be done there all the same."""
    return POSSIBLE.get(request.node.callspec.id, [])


def check(answer: Answer, trouble: Trouble) -> None:
    """See that a command has told this trouble, and nothing but this."""
    assert (answer.code, answer.out) == (5, ""), answer
    (sentence,) = answer.err.splitlines()
    assert sentence.startswith("treadle: ")
    assert f"127.0.0.1:{trouble.wire.port}: " in sentence
    assert re.search(trouble.said, sentence)
    assert SECRET not in sentence
    assert (urlsplit(trouble.url).password or SECRET) not in sentence


def test_a_store_that_cannot_be_used_is_told_by_whoever_looks_at_it(
    trouble: Trouble, possible: Sequence[list[str]], cli: Call
) -> None:
    for command in LOOKS:
        if command not in possible:
            asked = trouble.wire.accepted
            check(cli(*command, "--store", trouble.url), trouble)
            assert trouble.wire.accepted - asked <= FEW


@pytest.mark.slow
def test_a_store_that_cannot_be_used_ends_every_worker_at_once(trouble: Trouble, here: Path, process: Cli) -> None:
    """Whatever it would say of itself when it starts is left unsaid."""
    toy(here).close()
    started = [process.start(*command, TREADLE_STORE=trouble.url) for command in WORKERS]
    for running in started:
        check(running.end(), trouble)
    assert trouble.wire.accepted <= FEW * len(WORKERS)


def test_with_json_it_is_a_document(closing: ExitStack, tmp_path: Path, cli: Call) -> None:
    server = Caches(tmp_path, closing).start(password="geheim")
    answer = cli("db", "status", "--json", "--store", server.url(tcp=True).replace("geheim", SECRET))
    assert (answer.code, answer.out, answer.error["code"]) == (5, "", "store_unreachable")
    assert SECRET not in answer.err


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{SECRET}@db:port/jobs", f"postgresql://ada:{SECRET}/1@db/jobs",
        f"postgresql://ada:{SECRET}@db/jobs?colour=red", f"redis://:{SECRET}@host:port/0",
        f"redis://:{SECRET}@host/first", f"redis://:{SECRET}@host/0?colour=red", f"redix://:{SECRET}@host/0",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_one_is_wrong_usage(url: str, here: Path, cli: Call, process: Cli) -> None:
    toy(here).close()
    worker = process.start("worker", "run", "jobs:app", TREADLE_STORE=url)
    looks = [cli(*command, "--store", url) for command in LOOKS]
    for answer in (*looks, worker.end()):
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
        assert "URL" in answer.err
        assert SECRET not in answer.err


#: Read by every Python that starts with its folder on the path: the library is as good as not installed.
HIDING = "import sys\nsys.modules[{library!r}] = None\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "library", "said"),
    [
        ("postgresql://ada@db/jobs", "asyncpg", "PostgreSQL needs asyncpg, .* pip install 'treadle[postgres]'"),
        ("redis://host/0", "redis", "Redis or Valkey needs redis, .* pip install 'treadle[redis]'"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_brings_it(
    url: str, library: str, said: str, here: Path, process: Cli
) -> None:
    toy(here).close()
    (here / "sitecustomize.py").write_text(HIDING.format(library=library), encoding="utf-8")
    commands = (*LOOKS, *WORKERS)
    started = [process.start(*command, TREADLE_STORE=url, PYTHONPATH=str(here)) for command in commands]
    for running in started:
        answer = running.end()
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (5, "", 1)
        assert re.search(said.replace("[", r"\["), answer.err)
