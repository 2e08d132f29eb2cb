"""What cannot work is said in a sentence with a remedy; no sentence tells a password or names the driver."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.places import free_port, give
from tests.servers.postgres import Postgres
from tests.servers.server import identity, surroundings
from tests.stores.postgres.conftest import migrate
from tests.stores.postgres.scene import all_gone, ask, locking, open_with, soon
from treadle import NEVER, Context, Skip, Treadle
from treadle.core.errors import ConfigError, StoreError, StoreUnavailable, TreadleError
from treadle.core.job import Added, Filter, NewJob, Schema, WorkerInfo
from treadle.core.outcomes import retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.postgres.migrate import require
from treadle.stores.postgres.probe import Server, refuse_unfit
from treadle.stores.postgres.settings import settings_from
from treadle.testing.contract.scene import Hand, job, jobs

pytestmark = pytest.mark.server

SECRET = "s3cret-w0rd"

DRIVER = re.compile(r"asyncpg|Traceback|\b[A-Z]\w+(Error|Exception)\b|<class|^None$|\{|\n")


def said(error: TreadleError) -> str:
    """Read what an error says, and check that it says it as all do."""
    sentence = str(error)
    assert not DRIVER.search(sentence), sentence
    assert SECRET not in sentence
    assert "?." not in sentence
    return sentence


async def refusal(store: Store, kind: type[TreadleError] = StoreError) -> str:
    """Open a store that cannot be opened."""
    with pytest.raises(kind) as refused:
        await soon(store.open())
    await store.close()
    assert type(refused.value) is kind
    return said(refused.value)


# -- URLs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ada@db:port/jobs", "cannot be read"),
        ("postgresql://ada@db:99999/jobs", "cannot be read"),
        ("postgresql://ada@[::1/jobs", "cannot be read"),
        (f"postgresql://ada:{SECRET}/1@db/jobs", "%40 %2F %3A"),
        (f"postgresql://ada:12/{SECRET}@db/jobs", "%40 %2F %3A"),
        (f"postgresql://ada:12#{SECRET}@db/jobs", "%40 %2F %3A"),
        (f"postgresql://ada:12?{SECRET}@db/jobs", "%40 %2F %3A"),
        (f"postgresql://ada:{SECRET}@x@db/jobs", "%40 %2F %3A"),
        (f"postgresql://ada:{SECRET}[@db/jobs", "%40 %2F %3A"),
        ("postgresql://db/jobs?speed=11", "'speed'.* is not known; ours are durability, schema, pool"),
        ("postgresql:///jobs?host=db&port=many", "up to 65535"),
        ("postgresql://db/jobs?target_session_attrs=any-day", "read-write"),
        ("postgresql://db/jobs?durability=perhaps", "full, fast"),
        ("postgresql://db/jobs?pool=1", "from 2 to 100"),
        ("postgresql://db/jobs?pool=many", "from 2 to 100"),
        ("postgresql://db/jobs?schema=", "cannot name a schema"),
        ("postgresql://db/jobs?schema=Jobs", "cannot name a schema"),
        ("postgresql://db/jobs?schema=a.b", "cannot name a schema"),
        ("postgresql://db/jobs?schema=a%22;drop", "cannot name a schema"),
        ("postgresql://db/jobs?schema=1a", "cannot name a schema"),
        ("postgresql://db/jobs?schema=pg_jobs", "cannot name a schema"),
        ("postgresql://db/jobs?schema=" + "a" * 51, "too long"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_the_door(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        open_store(url)
    said(refused.value)


@pytest.mark.parametrize(
    ("url", "shown", "place"),
    [
        (f"postgresql://ada:{SECRET}@db:5432/jobs", "postgresql://ada@db:5432/jobs", "jobs on db:5432"),
        (f"postgres://ada:{SECRET}@db", "postgresql://ada@db/", "the default database on db"),
        (f"postgresql://ada@/jobs?password={SECRET}&host=%2Frun", "postgresql://ada@/jobs?host=%2Frun", "jobs on /run"),
        (
            f"postgresql://ada:{SECRET}@a:1,b:2/jobs?sslpassword={SECRET}",
            "postgresql://ada@a:1,b:2/jobs",
            "jobs on a:1,b:2",
        ),
        ("postgresql://[::1]:5433/jobs?schema=x&pool=3", "postgresql://[::1]:5433/jobs?schema=x", "jobs on [::1]:5433"),
        (f"postgresql://ada:%40%2F{SECRET}%3A@db/odd%20name", "postgresql://ada@db/odd%20name", "odd name on db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str, place: str) -> None:
    from treadle.stores.postgres.settings import place_of

    assert open_store(url).url == shown
    assert place_of(settings_from(url)) == place
    assert SECRET not in repr(open_store(url))


@pytest.mark.parametrize("schema", ["order", "user", "table", "jobs_2"])
async def test_a_schema_may_have_any_plain_word_for_its_name(url: str, schema: str) -> None:
    store = open_store(f"{url}&schema={schema}", migrate=True)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job("a", max_attempts=2)])
    assert await hand.settle(await hand.claim_one(), retry(0)) == frozenset()
    assert (await store.schema()).current
    await hand.sweep()
    assert await store.count(Filter()) == {("default", State.QUEUED): 1}
    await store.close()
    ask(url, f'DROP SCHEMA "{schema}" CASCADE')


# -- who and where ---------------------------------------------------------------------------


async def test_a_wrong_password_is_refused(server: Postgres, database: str) -> None:
    wrong = server.url(database, tcp=True).replace(server.password, SECRET)
    assert "refused this user or password" in await refusal(open_store(wrong))


async def test_an_unknown_user_is_refused(server: Postgres, database: str) -> None:
    assert "refused this user" in await refusal(open_store(server.url(database).replace("postgres@", "nobody@")))
    by_tcp = server.url(database, tcp=True).replace("postgres:", "nobody:")
    assert "refused this user" in await refusal(open_store(by_tcp))


async def test_a_missing_database_is_named_with_what_makes_it(server: Postgres) -> None:
    told = await refusal(open_store(server.url("nowhere")))
    assert "nowhere on" in told
    assert "createdb" in told


async def test_a_url_without_a_database_means_the_users_own(server: Postgres, database: str) -> None:
    ask(server.url("postgres"), "DROP SCHEMA IF EXISTS treadle CASCADE")
    told = await refusal(open_store(server.url("postgres").replace("/postgres?", "/?")))
    assert "no tables of Treadle's yet" in told


async def test_an_unknown_host_is_unavailable() -> None:
    told = await refusal(open_store(f"postgresql://ada:{SECRET}@nowhere.invalid/jobs"), StoreUnavailable)
    assert "jobs on nowhere.invalid" in told
    assert "Start the server or correct the URL" in told


async def test_a_port_where_nobody_listens_is_unavailable() -> None:
    told = await refusal(open_store(f"postgresql://ada:{SECRET}@127.0.0.1:{free_port()}/jobs"), StoreUnavailable)
    assert "Start the server or correct the URL" in told


async def test_a_socket_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    told = await refusal(open_store(f"postgresql://ada@/jobs?host={tmp_path}"), StoreUnavailable)
    assert "Start the server or correct the URL" in told


async def test_a_server_that_is_no_postgresql_is_refused(valkey: object) -> None:
    port = re.search(r":(\d+)/", valkey.url(tcp=True))  # type: ignore[attr-defined]  # whichever server it is
    assert port
    store = open_with(f"postgresql://ada@127.0.0.1:{port[1]}/jobs", connect_timeout=1.0)
    with pytest.raises(StoreError) as refused:
        await soon(store.open())
    said(refused.value)
    await store.close()


async def test_an_option_that_the_driver_does_not_understand_is_a_matter_of_the_url(
    server: Postgres, database: str
) -> None:
    told = await refusal(open_store(f"{server.url(database, tcp=True)}?sslmode=perhaps"))
    assert "the URL cannot be used" in told


async def test_an_encryption_that_the_server_does_not_offer_is_told(server: Postgres, database: str) -> None:
    told = await refusal(open_store(f"{server.url(database, tcp=True)}?sslmode=require"))
    assert "sslmode" in told


# -- rights -----------------------------------------------------------------------------------


@pytest.fixture
def role(server: Postgres, database: str) -> Iterator[str]:
    """A role that may connect, and nothing more."""
    url = server.url(database)
    ask(url, "CREATE ROLE plain LOGIN")
    yield "plain"
    ask(url, "DROP OWNED BY plain; DROP ROLE plain")


def of(role: str, url: str) -> str:
    return url.replace("postgres@", f"{role}@")


async def test_a_role_without_rights_is_told_which(server: Postgres, database: str, role: str) -> None:
    url = server.url(database)
    told = await refusal(open_store(of(role, url)))
    assert "permission denied for schema treadle" in told
    assert "Grant it the rights on the schema treadle" in told
    ask(url, f"GRANT USAGE ON SCHEMA treadle TO {role}")
    assert "permission denied for table schema_version" in await refusal(open_store(of(role, url)))
    ask(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA treadle TO {role}")
    store = open_store(of(role, url))
    await store.open()
    assert await store.count(Filter()) == {}
    with pytest.raises(StoreError, match=r"permission denied for table job.*Grant it") as refused:
        await store.add([job("a")])
    said(refused.value)
    heart = store.heart(WorkerInfo(id="w1"))
    with pytest.raises(StoreError, match=r"permission denied for table worker.*Grant it"):
        heart.beat(10_000)
    await store.close()


async def test_a_role_that_may_make_no_schema_is_told(server: Postgres, role: str) -> None:
    url = server.create_database("bare")
    with pytest.raises(StoreError, match=r"permission denied for database bare.*Grant it") as refused:
        await migrate(of(role, url))
    said(refused.value)
    server.drop_database("bare")


# -- what server, what tables -----------------------------------------------------------------

SETTINGS = settings_from("postgresql://ada@db/jobs")


@pytest.mark.parametrize(("number", "version"), [(90_624, "9.6.24"), (120_022, "12.22"), (129_999, "12.99")])
def test_an_old_server_is_refused(number: int, version: str) -> None:
    with pytest.raises(
        StoreError, match=f"version {version} is too old; Treadle needs PostgreSQL 13 or newer"
    ) as refused:
        refuse_unfit(Server(number, version, "on", "on"), SETTINGS)
    said(refused.value)
    refuse_unfit(Server(130_000, "13.0", "on", "on"), SETTINGS)


async def test_missing_tables_name_the_command_that_makes_them(server: Postgres) -> None:
    url = server.create_database("bare")
    told = await refusal(open_store(url))
    assert "no tables of Treadle's yet" in told
    assert "treadle db migrate" in told
    assert "treadle db migrate" in await refusal(open_store(url, migrate=False))
    store = open_store(url, migrate=True)
    assert await store.add([job("a")]) == [Added("a", True)]
    await store.close()
    server.drop_database("bare")


async def test_tables_of_a_newer_version_are_left_as_they_are(server: Postgres, database: str) -> None:
    url = server.url(database)
    ask(url, "INSERT INTO treadle.schema_version (version) VALUES (9999)")
    for store in (open_store(url), open_store(url, migrate=True)):
        assert re.search(r"newer Treadle \(schema 9999.*pip install -U treadle", await refusal(store))
    with pytest.raises(StoreError, match="newer Treadle"):
        await migrate(url)


def test_tables_of_an_older_version_name_the_command() -> None:
    with pytest.raises(StoreError, match=r"has the schema 1 of 2.*treadle db migrate") as refused:
        require(Schema(1, 2), SETTINGS)
    said(refused.value)


async def test_a_database_that_cannot_hold_every_text_is_refused(server: Postgres) -> None:
    ask(server.url(), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    told = await refusal(open_store(server.url("latin")))
    assert "LATIN1" in told
    assert "UTF8" in told
    server.drop_database("latin")


# -- read-only ---------------------------------------------------------------------------------


async def test_a_read_only_database_is_told_at_the_door(server: Postgres, database: str) -> None:
    url = server.url(database)
    ask(url, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    told = await refusal(open_store(url), StoreUnavailable)
    assert "read-only" in told
    assert "target_session_attrs=read-write" in told


async def test_a_database_that_becomes_read_only_is_told_and_used_again_when_it_is_not(
    server: Postgres, database: str
) -> None:
    """A primary that was demoted while we ran."""
    url = server.url(database)
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job("a")])
    for state in ("on", "off"):
        ask(server.url(), f"ALTER DATABASE {database} SET default_transaction_read_only = {state}")
        ask(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'treadle'")
        await asyncio.to_thread(all_gone, url)
        if state == "on":
            with pytest.raises(StoreUnavailable, match=r"read-only replica.*target_session_attrs") as refused:
                await store.add([job("b")])
            said(refused.value)
            with pytest.raises(StoreUnavailable, match=r"read-only replica.*target_session_attrs"):
                hand.beat()
    assert await store.add([job("b")]) == [Added("b", True)]
    assert hand.beat() == {}
    await store.close()


#: Ready to follow the primary, and in no hurry to reach the disk.
BACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync")


class Standby(Postgres):
    """A hot standby of another server."""

    primary: Postgres

    def prepare(self, settings: object) -> None:
        told = f"host={self.primary.home} port={self.primary.port} user=postgres"
        subprocess.run(
            [self.binaries / "pg_basebackup", "-D", self.data, "-d", told, *BACKUP],
            check=True, capture_output=True, cwd=self.home, env=surroundings(), **identity(self._uid),
        )  # fmt: skip

    def set_password(self) -> None:
        self.password = self.primary.password


@pytest.fixture
def standby(server: Postgres, database: str) -> Iterator[Standby]:
    if not (server.binaries / "pg_basebackup").exists():
        pytest.skip("not on this platform: these binaries come without pg_basebackup")
    Standby.primary = server
    with Standby.start(binaries=server.binaries) as second:
        yield second


@pytest.mark.slow
async def test_a_hot_standby_is_refused_until_it_is_the_primary(
    server: Postgres, database: str, standby: Standby
) -> None:
    told = await refusal(open_store(standby.url(database)), StoreUnavailable)
    assert "a replica" in told
    assert "target_session_attrs=read-write" in told

    who = f"postgres:{server.password}"
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{server.port}"
    store = open_store(f"postgresql://{who}@{hosts}/{database}?target_session_attrs=read-write")
    hand = Hand(store, "w1")
    hand.beat()
    assert await store.add([job("a")]) == [Added("a", True)]
    await asyncio.to_thread(_caught_up, server, standby)

    server.stop()
    ask(standby.url(database), "SELECT pg_promote()")
    assert await store.add([job("b")]) == [Added("b", True)], "the very next call finds the new primary"
    assert hand.beat() == {}
    assert {found.id for found in (await store.find(Filter(), 10)).items} == {"a", "b"}
    await store.close()


def _caught_up(primary: Postgres, standby: Postgres) -> None:
    from tests.servers.server import wait_until

    (written,) = ask(primary.url(), "SELECT pg_current_wal_lsn()::text")
    asked = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    wait_until(lambda: ask(standby.url(), asked, written) == [True], "the standby did not follow")


# -- at work -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
async def test_a_limit_of_the_server_is_named(server: Postgres, database: str, limit: str) -> None:
    url = server.url(database)
    ask(url, f"ALTER DATABASE {database} SET {limit} = '50ms'")
    store = open_store(url)
    await store.add(jobs(1))
    with locking(url, "0000"), pytest.raises(StoreUnavailable, match=limit) as refused:
        await store.cancel(["0000"])
    said(refused.value)
    assert await store.cancel(["0000"]) == ["0000"]
    await store.close()


async def test_a_server_that_ends_idle_sessions_is_no_trouble(server: Postgres, database: str) -> None:
    if server.version < (14,):
        pytest.skip("not on this platform: a setting of PostgreSQL 14")
    url = server.url(database)
    ask(url, f"ALTER DATABASE {database} SET idle_session_timeout = '30ms'")
    store = open_store(url)
    hand = Hand(store, "w1")
    for number in range(3):
        assert await store.add([job(f"{number}")]) == [Added(f"{number}", True)]
        assert hand.beat() == {}
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'treadle' AND datname = %s"
        while ask(server.url(), asked, database) != [0]:
            pass
    await store.close()


async def test_no_more_connections_is_unavailable_and_passes(server: Postgres, database: str, role: str) -> None:
    url = server.url(database)
    ask(url, f"GRANT ALL ON SCHEMA treadle TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA treadle TO {role}")
    ask(url, f"ALTER ROLE {role} CONNECTION LIMIT 2")
    store = open_store(of(role, url))
    answers = await soon(asyncio.gather(*(store.now() for _ in range(20)), return_exceptions=True))
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert {type(each) for each in refused} == {StoreUnavailable}
    assert "takes no more connections" in said(refused[0])  # type: ignore[arg-type]  # it is one of ours
    assert await store.add([job("a")]) == [Added("a", True)]
    heart = store.heart(WorkerInfo(id="w1"))
    await asyncio.gather(store.now(), store.now())
    with pytest.raises(StoreUnavailable, match="takes no more connections"):
        heart.beat(10_000)
    await store.close()


async def test_tables_that_vanish_under_a_running_store_are_missed_in_a_sentence(
    server: Postgres, database: str
) -> None:
    url = server.url(database)
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(2))
    await hand.claim_one()
    ask(url, "DROP SCHEMA treadle CASCADE")
    calls: list[Callable[[], object]] = [
        lambda: store.add([job("a")]), hand.claim_one, hand.sweep, lambda: store.get("a"),
        lambda: store.count(Filter()),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(StoreError, match=r"not there.*treadle db migrate") as refused:
            await call()  # type: ignore[misc]  # all of them are awaited
        said(refused.value)
    with pytest.raises(StoreError, match=r"not there.*treadle db migrate"):
        hand.beat()
    await migrate(url)
    hand.beat()
    assert await store.add(jobs(1)) == [Added("0000", True)]
    assert (await hand.claim_one()).epoch == 1
    await store.close()


async def test_columns_that_come_under_a_running_store_disturb_nobody(server: Postgres, database: str) -> None:
    """A newer version migrates while this one works."""
    url = server.url(database)
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(2))
    await hand.claim_one()
    await hand.sweep()
    ask(url, "ALTER TABLE treadle.job ADD COLUMN colour text, ALTER COLUMN attempt TYPE bigint")
    assert (await hand.sweep()).taken == []
    assert (await hand.claim_one()).attempt == 1
    assert len((await store.find(Filter(), 10)).items) == 2
    await store.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_a_database_that_prefers_another_isolation_lets_nobody_lose_races(
    server: Postgres, database: str, isolation: str
) -> None:
    url = server.url(database)
    ask(url, f"ALTER DATABASE {database} SET default_transaction_isolation = '{isolation}'")
    store = open_store(url)
    hands = [Hand(store, f"w{number}") for number in range(4)]
    for hand in hands:
        hand.beat()
    await store.add(jobs(200))
    shares = await soon(asyncio.gather(*(hand.claim(10) for hand in hands for _ in range(5))))
    assert len({claim.id for share in shares for claim in share}) == 200
    await asyncio.gather(*(store.add([job(f"u{number}", unique_key="u")]) for number in range(20)))
    await store.close()


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_text_that_postgresql_does_not_take_is_the_callers_mistake_and_no_others(
    server: Postgres, database: str, text: str
) -> None:
    store = open_store(server.url(database))
    answers = await asyncio.gather(
        store.add([job("a")]), store.add([job("b", owner=text)]), store.add([job("c")]), return_exceptions=True
    )
    assert [answers[0], answers[2]] == [[Added("a", True)], [Added("c", True)]]
    assert isinstance(answers[1], StoreError)
    assert not isinstance(answers[1], StoreUnavailable), "trying again does not mend it"
    assert "text" in said(answers[1])
    assert await store.get(text) is None
    assert await store.cancel([text, "a"]) == ["a"]
    await store.close()


def _big(id: str) -> NewJob:
    return job(id, args=f'"{os.urandom(2_000).hex()}"')


async def _fill(store: Store) -> int:
    """Add until the disk is full; answer how many were acknowledged."""
    for number in range(100_000):
        try:
            await store.add([_big(f"{number}")])
        except StoreUnavailable:
            return number
    raise AssertionError("the disk is too large")


@pytest.fixture
def small_disk(server: Postgres, tmp_path: Path) -> Iterator[Path]:
    """A disk of a few MiB that the server may write."""
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("not on this platform: only root may mount a small disk")
    disk = server.home / f"disk-{os.getpid()}"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", disk], capture_output=True, text=True)
    if mounted.returncode:
        disk.rmdir()
        pytest.skip(f"not on this platform: {mounted.stderr}")
    give(disk, server._uid)
    yield disk
    subprocess.run(["umount", disk], check=True)
    disk.rmdir()


@pytest.mark.slow
async def test_a_full_disk_refuses_loudly_and_works_again_once_there_is_space(
    server: Postgres, database: str, small_disk: Path
) -> None:
    """P19."""
    url = server.url(database)
    ballast = small_disk / "ballast"
    ask(url, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    for table in ("job", "attempt", "log"):
        ask(url, f"ALTER TABLE treadle.{table} SET TABLESPACE small")
    ballast.write_bytes(b"x" * 4_000_000)
    store = open_store(url)
    acknowledged = await _fill(store)
    with pytest.raises(StoreUnavailable, match=r"out of space.*nothing has been lost") as refused:
        await store.add([_big("one more")])
    said(refused.value)
    assert acknowledged > 10
    assert sum((await store.count(Filter())).values()) == acknowledged, "reading goes on"
    ballast.unlink()
    assert await store.add([job("afterwards")]) == [Added("afterwards", True)]
    assert sum((await store.count(Filter())).values()) == acknowledged + 1
    await store.close()
    server.drop_database(database)
    ask(server.url(), "DROP TABLESPACE small")


def test_a_task_that_tells_the_character_nul_holds_up_nobody(url: str) -> None:
    """P12: PostgreSQL takes it in no text; a worker that could not settle one job would settle none beside it."""
    app = Treadle(url)

    @app.task(context=True, retry=NEVER)
    async def tell(ctx: Context, how: str) -> str:
        ctx.progress(1, 2, note="half\0way")
        ctx.log("a\0b", field="c\0d")
        if how == "skip":
            raise Skip("why\0not")
        if how == "fail":
            raise ValueError("bad\0luck")
        return "re\0sult"

    told = {how: tell.enqueue(how) for how in ("return", "skip", "fail")}
    app.run_until_idle()
    ended = {how: job.status.value for how, job in told.items()}
    assert ended == {
        "return": "completed", "skip": "completed", "fail": "failed",
    }  # fmt: skip
    assert told["return"].result(timeout=0) == "re\0sult"
    asyncio.run(app.store.close())
    app.close()
