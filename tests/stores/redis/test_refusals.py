"""What cannot work is said in a sentence with a remedy, and nothing is lost by it."""

import logging
from collections.abc import AsyncIterator, Callable

import pytest
from redis import exceptions as told

from tests.servers.places import free_port
from tests.servers.valkey import Valkey
from tests.stores.redis.conftest import Start
from treadle.core.errors import ConfigError, StoreError, StoreUnavailable
from treadle.core.job import Ending, Filter, NewJob, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.redis.errors import translate
from treadle.stores.redis.probe import facts_of, read_info, refuse_unfit
from treadle.stores.redis.settings import settings_from
from treadle.testing.contract.scene import job, jobs, prune

pytestmark = pytest.mark.server

Open = Callable[[str], Store]


@pytest.fixture
async def opening() -> AsyncIterator[Open]:
    """Make stores that are closed with the test."""
    stores: list[Store] = []

    def _open(url: str) -> Store:
        stores.append(open_store(url))
        return stores[-1]

    yield _open
    for store in stores:
        await store.close()


async def test_a_wrong_password_is_called_so_and_not_repeated(start: Start, opening: Open) -> None:
    url = start(password="geheim").url(tcp=True)
    for wrong in (url.replace("geheim", "falsch"), url.replace(":geheim@", "")):
        with pytest.raises(StoreError, match="refused this user or password") as refused:
            await opening(wrong).open()
        assert "falsch" not in str(refused.value)


async def test_an_unknown_database_is_called_so(server: Valkey, opening: Open) -> None:
    with pytest.raises(StoreError, match="no database of this number"):
        await opening(server.url(9_999)).open()


async def test_who_may_not_wake_others_hears_of_it_at_once(server: Valkey, opening: Open) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all", "resetchannels")
        store = opening(f"redis://bob:pw@127.0.0.1:{server.port}/0")
        with pytest.raises(StoreError, match=r"may not publish on the channel treadle:wake.*&treadle:\*"):
            await store.add([job("a")])
        assert not client.exists("{treadle}:job:a")


@pytest.mark.parametrize("rights", ["~other* +@all &*", "~* -@all &*"])
async def test_missing_rights_are_named(server: Valkey, opening: Open, rights: str) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "eve", "on", ">pw", *rights.split())
    with pytest.raises(StoreError, match=r"this user may not do that .*Permit it all"):
        await opening(f"redis://eve:pw@127.0.0.1:{server.port}/0").open()


async def test_nobody_there_is_told_with_the_place(opening: Open) -> None:
    port = free_port()
    for url in (f"redis://127.0.0.1:{port}", "redis://no-such-host.invalid", "unix:///nowhere/redis.sock"):
        with pytest.raises(
            StoreUnavailable, match=rf"({port}|no-such-host.invalid|nowhere).* does not answer .*Start it"
        ):
            await opening(url).open()


async def test_a_server_that_would_throw_jobs_away_is_refused(start: Start, opening: Open) -> None:
    server = start(options={"maxmemory-policy": "allkeys-lru"})
    with pytest.raises(StoreError, match=r"allkeys-lru.*CONFIG SET maxmemory-policy noeviction"):
        await opening(server.url()).open()


async def test_a_replica_is_refused(start: Start, server: Valkey, opening: Open) -> None:
    replica = start(options={"replicaof": server.address})
    with pytest.raises(StoreUnavailable, match=r"is a replica, which takes no writes\. Name the primary"):
        await opening(replica.url()).open()


async def test_a_primary_that_became_a_replica_refuses_and_loses_nothing(
    start: Start, server: Valkey, opening: Open
) -> None:
    store, other = opening(server.url()), start()
    await store.add([job("a")])
    with server.client() as client:
        client.execute_command("REPLICAOF", *other.address)
        with pytest.raises(StoreUnavailable, match="is a replica"):
            await store.add([job("b")])
        client.execute_command("REPLICAOF", "NO", "ONE")
    assert [added.new for added in await store.add([job("b")])] == [True]


async def test_a_node_of_a_cluster_is_called_so(start: Start, opening: Open) -> None:
    node = start(options={"cluster-enabled": "yes"})
    with pytest.raises(StoreError, match=r"node of a cluster. Write redis\+cluster://"):
        await opening(node.url(tcp=True)).open()
    with pytest.raises(StoreUnavailable, match="no node serves the slot"):
        await opening(f"redis+cluster://127.0.0.1:{node.port}").open()


async def test_a_single_server_is_no_cluster_and_no_sentinel(server: Valkey, opening: Open) -> None:
    with pytest.raises(StoreError, match=f"no node of a cluster. Write redis://127.0.0.1:{server.port}/0"):
        await opening(f"redis+cluster://127.0.0.1:{server.port}").open()
    with pytest.raises(StoreError, match=f"127.0.0.1:{server.port} is no sentinel"):
        await opening(f"redis+sentinel://127.0.0.1:{server.port}/main").open()


async def test_keys_of_a_newer_treadle_are_left_alone(server: Valkey, opening: Open) -> None:
    with server.client() as client:
        client.set("{treadle}:schema", 99)
    store = opening(server.url())
    for act in (store.open, store.migrate):
        with pytest.raises(StoreError, match=r"newer Treadle .schema 99; this one knows 1.\. Upgrade"):
            await act()
    assert (await store.schema()).found == 99


async def test_keys_of_somebody_else_are_called_so(server: Valkey, opening: Open) -> None:
    with server.client() as client:
        client.set("{treadle}:all", "mine")
    with pytest.raises(StoreError, match="Does another program use this prefix"):
        await opening(server.url()).add([job("a")])


async def test_the_schema_is_there_only_after_the_first_use(server: Valkey, opening: Open) -> None:
    store = opening(server.url())
    assert ((await store.schema()).found, (await store.migrate()).found, (await store.schema()).found) == (0, 0, 1)
    await store.open()
    assert (await store.schema()).current


@pytest.mark.parametrize(
    ("aof", "survives"), [("always", "power loss of the server"), ("everysec", "last second"), (None, "nothing but")]
)
async def test_a_store_tells_what_it_survives(
    start: Start, opening: Open, caplog: pytest.LogCaptureFixture, aof: str | None, survives: str
) -> None:
    store = opening(start(aof=aof).url())
    await store.open()
    facts = await store.facts()
    assert facts.server.startswith(("Redis 7", "Valkey"))
    assert survives in facts.survives
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == len(facts.notes) == (0 if aof else 1)
    assert all("append-only file" in each and "appendonly yes" in each for each in (*said, *facts.notes))


async def test_a_full_memory_refuses_newcomers_and_lets_work_go_on(start: Start, opening: Open) -> None:
    """P19."""
    server = start(options={"maxmemory": "8mb"})
    store = opening(server.url())
    heart = store.heart(WorkerInfo("w"))
    with pytest.raises(StoreUnavailable, match=r"memory is full; nothing has been lost\. Raise maxmemory"):
        await _fill(store)
    before = await store.count(Filter())
    heart.beat(60_000)
    claims = (await store.cycle("w", [], ["default"], 50)).claims
    assert (await store.cycle("w", [Ending(claim, complete()) for claim in claims], [], 0)).lost == frozenset()
    assert len(await prune(store, {State.COMPLETED: 0}, 50)) == 50
    assert sum((await store.count(Filter())).values()) == sum(before.values()) - 50
    while await prune(store, {State.COMPLETED: 0}, 50) or not await _takes_again(store):
        claims = (await store.cycle("w", [Ending(claim, complete()) for claim in claims], ["default"], 50)).claims
    heart.close()


async def _fill(store: Store) -> None:
    for number in range(10_000):
        await store.add([job(f"{number}-{each.id}", args=f'"{"x" * 2_000}"') for each in jobs(50)])


async def _takes_again(store: Store) -> bool:
    try:
        return bool(await store.add([NewJob("again", "greet", "default", "{}")]))
    except StoreUnavailable:
        return False


async def test_there_is_no_transaction_for_a_task_s_own_writes(opening: Open) -> None:
    with pytest.raises(ConfigError, match="Make the task safe to repeat instead"):
        await opening("redis://host").connect()


# -- what no server here says on demand --------------------------------------------------

SETTINGS = settings_from("redis://:geheim@host:1/0")


@pytest.mark.parametrize(
    ("error", "kind", "part"),
    [
        (told.BusyLoadingError("Redis is loading the dataset in memory"), StoreUnavailable, "still loads its data"),
        (told.ResponseError("MISCONF Errors writing to the AOF file: No space left"), StoreUnavailable, "free some"),
        (told.ResponseError("BUSY Redis is busy running a script."), StoreUnavailable, "SCRIPT KILL"),
        (told.ResponseError("NOREPLICAS Not enough good replicas to write."), StoreUnavailable, "min-replicas"),
        (told.ClusterDownError("The cluster is down"), StoreUnavailable, "Bring its nodes back"),
        (told.AskError("1 127.0.0.1:1"), StoreUnavailable, "slots are being moved"),
        (told.TryAgainError("Multiple keys request during rehashing of slot"), StoreUnavailable, "being moved"),
        (told.MovedError("1 127.0.0.1:1"), StoreUnavailable, "just changing"),
        (told.TimeoutError("Timeout reading"), StoreUnavailable, "frozen"),
        (TimeoutError(), StoreUnavailable, "frozen"),
        (told.ResponseError("ERR what nobody foresaw"), StoreError, "refused: ERR what nobody foresaw"),
    ],
)
def test_each_error_has_its_sentence(error: Exception, kind: type[StoreError], part: str) -> None:
    translated = translate(error, SETTINGS)
    assert type(translated) is kind
    assert str(translated).startswith("Redis, host:1: ")
    assert part in str(translated)
    assert "geheim" not in str(translated)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"redis_version:6.2.14", "Redis 6.2.14 is too old; Treadle needs Redis 7"),
        (b"redis_version:7.2.4\narch_bits:32", "64 bits"),
        (b"redis_version:7.2.4\r\nmaxmemory_policy:volatile-ttl\r\n", "volatile-ttl"),
    ],
)
def test_a_server_that_cannot_do_it_is_refused(line: bytes, part: str) -> None:
    with pytest.raises(StoreError, match=part):
        refuse_unfit([read_info(line)], SETTINGS)


def test_of_several_servers_the_worst_is_told() -> None:
    good = read_info(b"redis_version:7.2.4\nvalkey_version:9.1.2\naof_enabled:1")._replace(flushed="always")
    worse = good._replace(flushed="everysec")
    assert facts_of([good, worse, good], SETTINGS).survives == facts_of([worse], SETTINGS).survives
    assert facts_of([good], SETTINGS).server == "Valkey 9.1.2, host:1"
    assert facts_of([good, good._replace(appends=False)], SETTINGS).notes
