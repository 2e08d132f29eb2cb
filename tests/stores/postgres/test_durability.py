"""What an answer is worth: which commits are flushed, and what is there after the server was killed."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.servers.pgbouncer import PgBouncer
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.stores.postgres.scene import ask, soon
from treadle.core.job import Ending, NewJob, Progress, Report
from treadle.core.outcomes import complete, retry
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import Hand, ids, job, jobs

pytestmark = pytest.mark.server

#: Notes, at the very end of each transaction that changed jobs, whether its commit will be flushed. What is noted of
#: jobs is how it ends, claims, or whose it is.
WATCH = """
CREATE TABLE noted (number integer GENERATED ALWAYS AS IDENTITY, what text, flushed text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO noted (what, flushed) VALUES (TG_ARGV[0], current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER added AFTER INSERT ON treadle.job DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note('added');
CREATE CONSTRAINT TRIGGER claimed AFTER UPDATE ON treadle.job DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.worker IS NOT NULL) EXECUTE FUNCTION note('claimed');
CREATE CONSTRAINT TRIGGER ended AFTER UPDATE ON treadle.job DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.worker IS NOT NULL AND NEW.worker IS NULL) EXECUTE FUNCTION note('ended');
CREATE CONSTRAINT TRIGGER cancelled AFTER UPDATE ON treadle.job DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.worker IS NULL AND NEW.state = 'cancelled') EXECUTE FUNCTION note('cancelled');
CREATE CONSTRAINT TRIGGER beaten AFTER INSERT OR UPDATE ON treadle.worker DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note('beaten');
CREATE CONSTRAINT TRIGGER written AFTER INSERT OR UPDATE ON treadle.record DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note('written');
"""


@pytest.fixture(params=["directly", "through a pooler"])
def way(request: pytest.FixtureRequest, server: Postgres, database: str) -> Iterator[str]:
    """A watched database, and two ways to it."""
    ask(server.url(database), WATCH)
    if request.param == "directly":
        yield server.url(database)
        return
    with skipping():
        bouncer = PgBouncer.start(None, server)
    with bouncer:
        yield bouncer.url(database)


async def live(store: Store) -> None:
    """Let every kind of call happen once."""
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job("a", max_attempts=3), job("b"), job("c")])
    await store.add([NewJob("00000000-0000-4000-8000-000000000001", "greet", "default", "{}", fresh=True)])
    first, second = await hand.claim(2)
    hand.beat(Report(first, Progress(1, 2)))
    await store.cycle("w1", [Ending(second, complete())], ["default"], 1)
    await store.cycle("w1", [Ending(first, retry(0))], ["default"], 1)
    await store.cancel(["00000000-0000-4000-8000-000000000001"])
    await store.write("kind", "key", "value")
    await store.close()


def noted(url: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for what, flushed in ask(url, "SELECT what, flushed FROM noted"):
        found.setdefault(what, set()).add(flushed)
    return found


WHAT = ("added", "claimed", "ended", "cancelled", "written", "beaten")


async def test_every_answer_but_a_heartbeats_is_flushed_as_the_server_is_set(
    server: Postgres, database: str, way: str
) -> None:
    """PROMISES 2. A lease that a crash takes back is simply renewed; nothing else may be taken back."""
    for setting in ("on", "local"):
        ask(server.url(), f"ALTER DATABASE {database} SET synchronous_commit = '{setting}'")
        ask(server.url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database)
        ask(server.url(database), "TRUNCATE noted, treadle.job, treadle.worker, treadle.record")
        await live(open_store(way))
        assert noted(server.url(database)) == {what: {setting} for what in WHAT} | {"beaten": {"off"}}


async def test_fast_means_that_no_commit_waits_for_the_disk(server: Postgres, database: str, way: str) -> None:
    store = open_store(f"{way}&durability=fast")
    assert "a crash of the server may take the last half second" in (await store.facts()).survives
    await live(store)
    assert noted(server.url(database)) == {what: {"off"} for what in WHAT}


async def test_a_store_says_what_its_answers_survive(server: Postgres, database: str) -> None:
    for setting, told in (("on", "power loss"), ("off", "synchronous_commit is off"), ("remote_apply", "standby")):
        ask(server.url(), f"ALTER DATABASE {database} SET synchronous_commit = '{setting}'")
        store = open_store(server.url(database))
        facts = await store.facts()
        assert told in facts.survives
        assert facts.server.startswith(f"PostgreSQL {server.version[0]}")
        await store.close()


async def test_a_store_warns_of_a_server_without_fsync(url: str) -> None:
    store = open_store(url)
    assert ("fsync is off" in " ".join((await store.facts()).notes)) == (ask(url, "SHOW fsync") == ["off"])
    await store.close()


@pytest.mark.slow
async def test_a_claim_outlives_the_death_of_the_server(server: Postgres, database: str) -> None:
    """P4, P6, P14: else it would be given to another worker, under the same epoch, while the first still runs it."""
    # Nothing but a commit that is flushed reaches the disk by itself so soon.
    ask(server.url(), "ALTER SYSTEM SET wal_writer_delay = '10s'")
    server.restart()
    store = open_store(server.url(database))
    first, second = Hand(store, "w1"), Hand(store, "w2")
    first.beat()
    await store.add(jobs(5))
    claims = await first.claim(3)
    await asyncio.to_thread(server.kill)
    server.restart()
    assert set(await soon(asyncio.to_thread(first.beat))) == {"0000", "0001", "0002"}
    second.beat()
    assert ids(await second.claim(5)) == ["0003", "0004"]
    assert await first.settle_all([Ending(claim, complete()) for claim in claims]) == frozenset()
    await store.close()
    ask(server.url(), "ALTER SYSTEM RESET wal_writer_delay")
    ask(server.url(), "SELECT pg_reload_conf()")
