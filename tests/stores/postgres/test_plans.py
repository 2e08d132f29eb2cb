"""Every statement finds its jobs by the index made for it, whatever the planner was told of the table, and when.

Statistics go stale at the worst moments: just after a bulk of jobs has come, just after all have been done.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.servers.given import GivenPostgres
from tests.servers.postgres import Postgres
from tests.stores.postgres.conftest import migrate
from tests.stores.postgres.scene import ask, soon_true
from treadle.core.job import Claim, Ending, Filter, NewJob, Progress, Report, WorkerInfo
from treadle.core.outcomes import complete, retry
from treadle.core.retention import Retention
from treadle.core.states import State
from treadle.stores import open_store
from treadle.stores.postgres import queries, retaining, steering, verbs
from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.flow.loading import Asked, load
from treadle.stores.postgres.flow.writing import LANE, NUMBERS, TURN, spots
from treadle.stores.postgres.lookout import START, Place
from treadle.stores.postgres.naming import addressed
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.verbs import columns, numbers
from treadle.stores.steps import Step, Steps
from treadle.testing.contract.scene import Hand, jobs

pytestmark = [pytest.mark.server, pytest.mark.slow]

SQL = Statements("treadle", None)

KEY = "00000000-0000-7000-8000-{:012d}"
KEYS = [KEY.format(number * 997) for number in range(100)]

CLAIMS = [
    Claim(key, key, "greet", "q0", "{}", 0, 1, 3, 1, 0, 0, None, None, None, None, None, None) for key in KEYS
]  # fmt: skip
COMPLETED = [Ending(claim, complete("1")) for claim in CLAIMS]
RETRIED = [Ending(claim, retry(1_000, "{}"), Progress(1, 2), "[]") for claim in CLAIMS]
NEW = [NewJob(key, "greet", f"q{number % 3}", "{}", unique_key=key) for number, key in enumerate(KEYS)]
ALIKE = [NewJob(key, "greet", "q0", "{}", fresh=True) for key in KEYS]
NAMED = [*KEYS[:5], "n1", "n2"]
ME = WorkerInfo("w1")


def first(steps: Steps[Any]) -> Step:
    return next(steps)


def cycle(ended: list[Ending], *queues: str, begin: Place = START) -> Step:
    return first(verbs.cycle(SQL, "w1", ended, queues, [begin] * len(queues), 100))


REPLACED = [(1, key, "{}", None, None, None, 0, None, 1, True, None, None, None) for key in KEYS]

NOTHING: dict[str, object] = Book(SQL).rows(0) | {
    name: "{}" if name in ("lanes", "emptied", *NUMBERS) else []
    for name in (*LANE, "emptied", *TURN, "clock_queues", "clocks")
}  # fmt: skip


def outdated() -> Step:
    steps = retaining.outdated(SQL, Retention({State.COMPLETED: 1_000}), 500)
    next(steps), next(steps)
    return steps.send([("completed", "greet", 1, 1_000), ("failed", "greet", 1, 1_000)])


def looking(**asked: Any) -> Step:
    return first(queries.find(SQL, Filter(**asked), 20, None))


def counting(**asked: Any) -> Step:
    return first(queries.count(SQL, Filter(**asked)))


#: What is asked, and by which indexes jobs must be found for it; None: by whichever of two the numbers speak for.
STATEMENTS: dict[str, tuple[Step, str | None]] = {
    "claim": (cycle([], "q0"), "job_queued"),
    "claim behind a place": (cycle([], "q0", begin=Place(0, 500)), "job_queued"),
    "claim of three queues": (cycle([], "q0", "q1", "rare"), "job_queued"),
    "claim with shares": (
        first(verbs.claim(SQL, "w1", ["q0", "q1", "rare"], [START] * 3, 100, [5, 5, 5])), "job_queued"
    ),
    "load": (first(load(SQL, "w1", Asked(["q0", "q1", "rare"], 100, 10, 13))), "job_lane job_queued"),
    "take": (SQL("take", worker="w1", spots=spots(["(0,1)"] * 100), seqs=numbers(range(100)), **NOTHING), None),
    "complete": (SQL("complete", **verbs._completed(COMPLETED)), "job_pkey"),
    "into lanes": (
        SQL("into_lanes", queues=["q0", "q1"], most=1_000, tasks=["greet"], lanes=["x"]), "job_queued job_pkey"
    ),
    "survey": (SQL("survey", queue="q0", most=100), "job_lane job_queued"),
    "spend": (SQL("current", ref=KEYS[0], epoch=1), "job_pkey"),
    "alter": (first(steering.alter(SQL, NAMED, "q1", 5)), "job_pkey job_name"),
    "replace": (SQL("replace", **columns(verbs.REPLACED, REPLACED)), "job_unique job_pkey"),
    "let go": (SQL("let_go", unique_keys=KEYS), "job_unique job_pkey"),
    "keys wanted": (SQL("keys_wanted", **addressed(NAMED)), "job_pkey job_name"),
    "scout": (SQL("scout", queues=["q0", "q1", "rare"]), "job_queued"),
    "cycle": (cycle(COMPLETED, "q0"), "job_pkey job_queued"),
    "cycle with one ending": (cycle(COMPLETED[:1], "q0"), "job_pkey job_queued"),
    "cycle of three queues": (cycle(COMPLETED, "q0", "q1", "rare"), "job_pkey job_queued"),
    "settle": (first(verbs.settle(SQL, "w1", RETRIED)), "job_pkey"),
    "settle one": (first(verbs.settle(SQL, "w1", RETRIED[:1])), "job_pkey"),
    "settled": (SQL("settled", ref=KEYS, epoch=[1] * 100), "job_pkey"),
    "trim attempts": (SQL("trim_attempts", ref=KEYS, oldest=[1] * 100), ""),
    "claims": (SQL("claims", worker="w1"), "job_running"),
    "report": (first(verbs.beat(SQL, ME, 1, [Report(each, Progress(1), "[]") for each in CLAIMS], KEYS)), "job_pkey"),
    "beat": (first(verbs.beat(SQL, ME, 1, [], KEYS)), "job_pkey"),
    "beat with nothing known": (first(verbs.beat(SQL, ME, 1, [], [])), "job_pkey"),
    "held": (SQL("held", worker="w1"), "job_running"),
    "strays": (first(verbs.strays(SQL)), "job_running"),
    "expire": (SQL("expire", limit=500), "job_expiring job_pkey"),
    "promote": (SQL("promote", limit=500), "job_due job_pkey"),
    "take over": (SQL("take_over", worker="w1", take=100, strays=[]), "job_running job_pkey"),
    "take over from strays": (SQL("take_over", worker="w1", take=100, strays=["w2", "w3"]), "job_running job_pkey"),
    "forget workers": (SQL("forget_workers", worker="w1"), "job_running"),
    "drop results": (SQL("drop_results", limit=500), "job_result job_pkey"),
    "next due": (SQL("next_due"), "job_due"),
    "cancel": (first(steering.named(SQL, "cancel", NAMED)), "job_pkey job_name"),
    "hold": (first(steering.named(SQL, "hold", NAMED, reason="operator")), "job_pkey job_name"),
    "revive": (SQL("revive", **addressed(NAMED)), "job_pkey job_name job_unique"),
    "delete": (first(steering.delete(SQL, NAMED)), "job_pkey job_name"),
    "release": (first(steering.release(SQL, "operator", ["greet"])), "job_held job_pkey"),
    "ended": (SQL("ended"), "job_finished"),
    "outdated": (outdated(), "job_finished"),
    "forget": (SQL("forget", refs=KEYS, kinds=[f"job:{key}" for key in KEYS]), ""),
    "add": (first(verbs.add(SQL, NEW)), ""),
    "add alike": (first(verbs.add(SQL, ALIKE)), ""),
    "add fresh": (first(verbs.add_fresh(SQL, verbs.table_of(ALIKE))), ""),
    "standing": (SQL("standing", key=KEYS, name=[None] * 100, unique_key=KEYS), "job_pkey job_name job_unique"),
    "get": (first(queries.get(SQL, KEYS[0])), "job_pkey"),
    "get by name": (first(queries.get(SQL, "n1")), "job_name job_pkey"),
    "attempts": (SQL("attempts", refs=KEYS), ""),
    "log": (SQL("log", refs=KEYS), ""),
    "list": (looking(), "job_pkey"),
    "list of failed": (looking(states=(State.FAILED,)), None),
    "list of failed and cancelled": (looking(states=(State.FAILED, State.CANCELLED)), None),
    "list of running": (looking(states=(State.RUNNING,)), None),
    "list of an owner": (looking(owner="o1"), "job_owner job_pkey"),
    "list of an owner's failed": (looking(owner="o1", states=(State.FAILED,)), "job_owner job_pkey"),
    "list of a batch": (looking(batch="b1"), "job_batch job_pkey"),
    "dump": (first(queries.dump(SQL, KEYS[0], 500)), "job_pkey"),
    "count of an owner": (counting(owner="o1"), "job_owner"),
    "count of a batch": (counting(batch="b1"), "job_batch"),
}  # fmt: skip

#: What an index must be asked, so that no more of it is read than is wanted.
BOUNDS = {
    "job_queued": "queue =", "job_due": "due_at <=", "job_expiring": "expires_at <=", "job_result": "result_until <=",
    "job_running": "worker", "job_held": "reason =", "job_owner": "owner =", "job_batch": "batch =",
}  # fmt: skip

#: These take jobs as an index has them, from its one end.
IN_ORDER = ("next due", "ended", "list", "list of failed", "list of failed and cancelled", "list of running")

FURNISH = """
INSERT INTO treadle.job (key, name, task, queue, args, state, rank, max_attempts, created_at, queued_at, due_at,
       expires_at, finished_at, result, result_until, owner, batch, unique_key, grip, reason, worker, meta, lane)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 10 = 0 THEN 'n' || n END, 'greet',
       CASE WHEN n % 100 = 7 THEN 'rare' ELSE 'q' || n % 2 END, '{"text": "' || repeat('x', 100) || '"}', state, n % 3,
       3, n, n, n, CASE WHEN n % 20 = 0 THEN n END, CASE WHEN state IN ('completed', 'failed') THEN n END,
       CASE WHEN state = 'completed' AND n % 5 = 0 THEN '1' END, n, CASE WHEN n % 2 = 0 THEN 'o' || n % 500 END,
       CASE WHEN n % 4 = 0 THEN 'b' || n % 800 END, CASE WHEN n % 50 = 0 THEN 'u' || n END,
       CASE WHEN n % 50 = 0 AND state NOT IN ('completed', 'failed') THEN 2 ELSE 0 END,
       CASE state WHEN 'held' THEN 'operator' END, CASE state WHEN 'running' THEN 'w' || n % 20 END, '{}',
       CASE WHEN n % 10 = 3 THEN 'lane' || n % 1000 END
  FROM generate_series(1, 100000) AS n,
       LATERAL (SELECT CASE WHEN n % 100 < 45 THEN 'completed' WHEN n % 100 < 50 THEN 'failed'
                            WHEN n % 100 < 90 THEN 'queued' WHEN n % 100 < 95 THEN 'scheduled'
                            ELSE 'held' END AS state) AS drawn;
INSERT INTO treadle.lane (rank, seq, until, queue, tenant, name, gate)
SELECT n % 3, n, CASE WHEN n % 4 = 0 THEN n END, 'q' || n % 2, 't' || n % 50, 'lane' || n,
       CASE WHEN n % 2 = 0 THEN 'gate' || n % 100 END
  FROM generate_series(1, 5000) AS n;
INSERT INTO treadle.turn SELECT n, n % 2 = 0, 'q' || n % 2, 't' || n FROM generate_series(1, 1000) AS n;
INSERT INTO treadle.standing (key, used, mark, until, spacing, spaced_until, idle_at, holder, name)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 1, 0, 0, 0, 0, n, '', 'gate' || n
  FROM generate_series(1, 5000) AS n;
INSERT INTO treadle.worker SELECT 'w' || n, n, n, n, '', '', n, '', '[]', 1, '{}' FROM generate_series(1, 20) AS n;
INSERT INTO treadle.progress SELECT key, 1, 1, 1, 0, NULL FROM treadle.job WHERE seq % 2 = 0;
INSERT INTO treadle.log SELECT key, 1, '[]' FROM treadle.job WHERE seq % 4 = 0;
INSERT INTO treadle.attempt SELECT key, 1, 1, 'w1', 1, 1, 'error', NULL FROM treadle.job WHERE seq % 4 = 0;
INSERT INTO treadle.record SELECT 'job:' || key, 'once', '1', 1 FROM treadle.job WHERE seq % 4 = 0;
"""

TABLES = (
    "treadle.job, treadle.worker, treadle.progress, treadle.log, treadle.attempt, treadle.record, treadle.lane,"
    " treadle.turn, treadle.standing"
)

EMPTY, LOOK = f"TRUNCATE {TABLES}", f"ANALYZE {TABLES}"

RUNNING = """
UPDATE treadle.job SET state = 'running', worker = 'w' || seq % 20
 WHERE seq IN (SELECT seq FROM treadle.job WHERE state = 'queued' ORDER BY seq LIMIT 5000)
"""
DONE = "UPDATE treadle.job SET state = 'completed', worker = NULL, finished_at = seq WHERE state <> 'completed'"

#: What happens to the tables, and when the planner looks at them.
SITUATIONS: dict[str, tuple[str, ...]] = {
    "seen when empty": (LOOK, FURNISH, RUNNING),
    "seen as it is": (FURNISH, RUNNING, LOOK),
    "seen when all were done": (FURNISH, DONE, LOOK, EMPTY, FURNISH, RUNNING),
    "seen when nothing ran": (FURNISH, LOOK, RUNNING),
}


@pytest.fixture(scope="module", params=SITUATIONS)
def connection(request: pytest.FixtureRequest, postgres: Postgres | GivenPostgres) -> Iterator[psycopg.Connection]:
    """A database in one of these situations."""
    name = f"treadle_plans_{os.getpid()}"
    url = postgres.create_database(name)
    asyncio.run(migrate(url))
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for table in TABLES.split(", "):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        for act in SITUATIONS[request.param]:
            connection.execute(act.encode())
        yield connection
    postgres.drop_database(name)


def plan(connection: psycopg.Connection, step: Step, mode: str, *wishes: str) -> dict[str, Any]:
    """Ask how the server would take this step, prepared as our driver prepares it."""
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"SET plan_cache_mode = {mode}".encode())
    connection.execute(f"PREPARE step AS {step.statement}".encode())
    places = f"({', '.join(['%s'] * len(step.values))})" if step.values else ""
    told = connection.execute(
        f"EXPLAIN ({', '.join(['FORMAT JSON', *wishes])}) EXECUTE step{places}".encode(), step.values
    ).fetchone()
    assert told
    whole: dict[str, Any] = told[0][0]["Plan"]
    return whole


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_each_statement_finds_its_jobs_by_its_index(
    request: pytest.FixtureRequest, connection: psycopg.Connection, name: str, mode: str
) -> None:
    step, expected = STATEMENTS[name]
    told = list(nodes(plan(connection, step, mode)))
    shown = json.dumps(told[0], indent=1)
    assert "job" not in [each["Relation Name"] for each in told if each["Node Type"] == "Seq Scan"], shown
    found = [each for each in told if each.get("Index Name", "").startswith("job_")]
    if expected is not None:
        assert {each["Index Name"] for each in found} == set(expected.split()), shown
    if name not in IN_ORDER:
        for each in found:
            assert BOUNDS.get(each["Index Name"], "") in each.get("Index Cond", "no"), shown
    if name == "outdated":
        asked = [each["Index Cond"] for each in found]
        assert all("task =" in each and "state =" in each for each in asked), shown
        assert sum("finished_at <=" in each and "finished_at >=" in each for each in asked) == 3, shown
        assert "Sort" not in [each["Node Type"] for each in told if each.get("Sort Key") == ["job.finished_at"]]


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", ["beat", "take over", "forget workers"])
def test_while_all_workers_live_nobody_reads_the_index_of_all_that_runs(
    connection: psycopg.Connection, name: str, mode: str
) -> None:
    """Each worker does this again and again; an open transaction keeps there what has ended."""
    step, _ = STATEMENTS[name]
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE treadle.worker SET lease_until = 9000000000000")
        told = list(nodes(plan(connection, step, mode, "ANALYZE")))
    read = [each for each in told if each.get("Index Name") == "job_running" and each["Actual Loops"]]
    assert read == [], json.dumps(told[0], indent=1)


async def test_beats_and_sweeps_that_were_planned_without_jobs_read_no_table_of_many(
    server: Postgres, database: str
) -> None:
    """A server keeps a plan after a few calls, until it has looked at the table again."""
    url = server.url(database)
    ask(url, "ALTER TABLE treadle.job SET (autovacuum_enabled = off)")
    store = open_store(url)
    hand = Hand(store, "w1")
    for number in (0, 3_000):
        await store.add(jobs(number))
        for _ in range(10):
            await asyncio.to_thread(hand.beat)
            await hand.sweep()
    await store.close()
    counted = "SELECT n_tup_ins, seq_scan FROM pg_stat_user_tables WHERE relid = 'treadle.job'::regclass"
    await asyncio.to_thread(soon_true, lambda: ask(url, counted)[0][0] == 3_000, "the server has not counted")
    assert ask(url, counted) == [(3_000, 0)]
