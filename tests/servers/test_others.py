"""PgBouncer, the proxy, servers that are not ours, and what becomes of servers when their run ends badly."""

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.servers import pgbouncer as module
from tests.servers import processes
from tests.servers.given import GivenPostgres, GivenValkey
from tests.servers.pgbouncer import PgBouncer
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.servers.server import MissingServer, wait_until
from tests.servers.warden import ROOT

pytestmark = pytest.mark.server

# ------------------------------------------------------------------------------------------------------- PgBouncer


@pytest.fixture
def bouncer(tmp_path: Path, postgres: Postgres | GivenPostgres) -> Iterator[PgBouncer]:
    with skipping():
        server = PgBouncer.start(tmp_path, postgres)
    with server:
        yield server


@pytest.mark.parametrize("tcp", [False, True])
def test_two_clients_of_pgbouncer_share_a_connection(bouncer: PgBouncer, tcp: bool) -> None:
    with psycopg.connect(bouncer.url(tcp=tcp)) as one, psycopg.connect(bouncer.url(tcp=tcp)) as other:
        seen = set()
        for client in (one, other):
            seen.add(client.execute("SELECT pg_backend_pid()").fetchone())
            client.commit()
    assert len(seen) == 1


def test_pgbouncer_starts_again_after_a_kill(bouncer: PgBouncer) -> None:
    bouncer.kill()
    bouncer.restart()
    with psycopg.connect(bouncer.url()) as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_a_missing_pgbouncer_says_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "find", lambda: None)
    with pytest.raises(MissingServer, match="your system's package pgbouncer"):
        PgBouncer.start(tmp_path, GivenPostgres("postgresql:///never_opened"))


# ------------------------------------------------------------------------------------------------------- the proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(1024):
            self.request.sendall(piece)


@pytest.fixture
def echoing() -> Iterator[int]:
    """The port of a server that says what it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as target:
        thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield target.server_address[1]
        target.shutdown()
        thread.join()


@pytest.fixture
def proxy(echoing: int) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echoing) as proxy:
        yield proxy


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def echo(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(1024)


def test_a_cut_closes_connections_and_refuses_new_ones_until_it_heals(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert echo(client, b"one") == b"one"
        proxy.cut()
        assert client.recv(1024) == b""
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
    proxy.heal()
    with connected(proxy) as client:
        assert echo(client, b"two") == b"two"


def test_a_stalled_proxy_keeps_what_comes_until_it_flows(proxy: Proxy) -> None:
    with connected(proxy) as old:
        assert echo(old, b"one") == b"one"
        proxy.stall()
        with connected(proxy) as new:
            for client in (old, new):
                client.sendall(b"held")
                client.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    client.recv(1024)
                client.settimeout(10)
            proxy.flow()
            assert [old.recv(1024), new.recv(1024)] == [b"held", b"held"]


def test_a_proxy_forgets_the_connections_that_are_there_and_no_other(proxy: Proxy) -> None:
    with connected(proxy) as old:
        assert echo(old, b"one") == b"one"
        proxy.forget()
        with connected(proxy) as new:
            old.sendall(b"lost")
            assert echo(new, b"two") == b"two"
            wait_until(lambda: proxy.held == 1, "what was said is not kept")
            proxy.flow()
            old.settimeout(0.05)
            with pytest.raises(TimeoutError):
                old.recv(1024)


def test_the_end_of_one_side_reaches_the_other(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1024) == b"last"
        assert client.recv(1024) == b""


def test_a_proxy_to_nowhere_closes_what_it_has_accepted() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    with Proxy("127.0.0.1", port) as proxy, connected(proxy) as client:
        assert client.recv(1024) == b""


def test_a_proxy_counts_who_comes_and_may_let_the_other_side_say_other_words(echoing: int) -> None:
    with Proxy("127.0.0.1", echoing, {b"seven": b"three"}) as proxy:
        for number in (1, 2):
            with connected(proxy) as client:
                assert echo(client, b"version seven") == b"version three"
            assert proxy.accepted == number


# -------------------------------------------------------------------------------------------------- servers of others


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("postgresql://me@host:1/mine", "postgresql://me@host:1/other"),
        ("postgresql:///mine?host=/run", "postgresql:///other?host=/run"),
        ("postgresql://host", "postgresql://host/other"),
    ],
)
def test_a_given_postgresql_answers_with_another_database(given: str, asked: str) -> None:
    assert GivenPostgres(given).url() == given
    assert GivenPostgres(given).url("other") == asked


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("redis://:word@host:1/5", "redis://:word@host:1/3"),
        ("rediss://host?ssl_cert_reqs=none", "rediss://host/3?ssl_cert_reqs=none"),
        ("unix://:word@/run/socket?db=5", "unix://:word@/run/socket?db=3"),
    ],
)
def test_a_given_redis_answers_with_another_database(given: str, asked: str) -> None:
    assert GivenValkey(given).url() == given
    assert GivenValkey(given).url(3) == asked


def test_a_given_server_works_and_skips_the_test_that_would_kill_it(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres | GivenPostgres
) -> None:
    monkeypatch.setenv(GivenPostgres.variable, postgres.url())
    given = GivenPostgres.named()
    assert given
    assert given.version == postgres.version
    with psycopg.connect(given.create_database("by_a_guest")) as connection:
        assert connection.info.dbname == "by_a_guest"
    given.drop_database("by_a_guest")
    with pytest.raises(pytest.skip.Exception, match="TREADLE_TEST_POSTGRES_URL is not ours"):
        given.restart()


def test_a_test_is_skipped_with_the_sentence_of_the_server_that_is_missing() -> None:
    with pytest.raises(pytest.skip.Exception, match="pip install"), skipping():
        raise MissingServer("No server; pip install one")


# ---------------------------------------------------------------------------------------------------------- bad ends

RUN = """
import json, sys
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey

servers = [Postgres.start(), Valkey.start(), Valkey.start()]
servers[0].freeze()
servers[2].kill()
print(json.dumps([[server.pid, str(server.home)] for server in servers]), flush=True)
sys.stdin.read()
"""


def test_servers_and_their_folders_do_not_outlive_a_killed_run() -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        servers = json.loads(run.stdout.readline() or "[]")
        family = [pid for server, _ in servers for pid in (server, *processes.descendants(server))]
        run.kill()
    assert len(family) > 3
    assert processes.comes_true(lambda: processes.are_gone(family), 20)
    assert processes.comes_true(lambda: not any(Path(home).exists() for _, home in servers), 20)


INTERRUPTED = """
def test_is_interrupted(valkey):
    print(f"pid={valkey.pid}.")
    raise KeyboardInterrupt
"""


def test_an_interrupted_session_stops_its_servers(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GivenValkey.variable, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    pytester.makepyfile(INTERRUPTED)
    result = pytester.runpytest_subprocess("-p", "no:valkey", "-p", "tests.servers.plugin", "-s")
    (pid,) = (line.partition("pid=")[2].partition(".")[0] for line in result.outlines if "pid=" in line)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert processes.are_gone([int(pid)])
