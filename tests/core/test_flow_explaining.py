"""Why a job waits: a verdict of each predicate, and *runnable* exactly where the claim would take it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.snapshots import NOON, snapshot
from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting, choose, rank
from treadle.core.flow.explaining import Explanation, Verdict, explain
from treadle.core.flow.gates import Gate, Kind, Standing
from treadle.core.flow.lanes import lane_of_task, write_lane
from treadle.core.flow.queueing import explain_queue
from treadle.core.flow.saying import Ahead
from treadle.core.flow.steering import Steer, Steering
from treadle.core.job import Running, Survey, WorkerInfo
from treadle.core.states import State

ONE_A_USER = Gate(Kind.CONCURRENCY, "sync:concurrency", "user_id=u1", 1)
OPENAI = Gate(Kind.RATE, "openai:rate", "", 60, 60_000, 1)
DAILY = Gate(Kind.BUDGET, "tokens:budget", "tenant=acme", 1_000, 86_400_000)
ORDER = Gate(Kind.ORDER, "sync:order", "account=a1", 1)


def waiting(*ids: str, costs: str | None = None) -> list[Waiting]:
    return [Waiting(id, id, rank(NOON, 0), number, costs) for number, id in enumerate(ids)]


def lane(*gates: Gate, tenant: str | None = None) -> str:
    text = write_lane("sync", tenant, gates)
    assert text is not None
    return text


def survey(
    rows: Mapping[str, Sequence[Waiting]] | Sequence[Turn],
    standings: Mapping[str, Standing] | None = None,
    steering: Steering | None = None,
    running: Sequence[Running] = (),
    now: int = NOON,
) -> Survey:
    turns = [Turn("", 0, [Row(text, jobs) for text, jobs in rows.items()])] if isinstance(rows, Mapping) else list(rows)
    return Survey(now, Line("mail", 0, turns), standings or {}, steering or {}, tuple(running))


def worker(
    *, tasks: Sequence[str] | None = ("sync",), queues: Sequence[str] = ("mail",), live: bool = True
) -> WorkerInfo:
    details: dict[str, object] = {} if tasks is None else {"tasks": list(tasks)}
    return WorkerInfo("w1", queues=tuple(queues), slots=10, lease_until=NOON + (9_000 if live else -1), details=details)


def verdict(told: Explanation, predicate: str) -> Verdict:
    (found,) = [each for each in told.verdicts if each.predicate == predicate]
    return found


def holder(id: str, *gates: Gate) -> Running:
    return Running(id, "mail", "sync", None, lane(*gates))


def test_a_job_that_nothing_holds_back_is_runnable() -> None:
    told = explain(snapshot("a"), survey({PLAIN: waiting("a")}), [worker()])
    assert (told.runnable, told.failing, told.ahead_in_queue, told.ahead_in_lane) == (True, (), Ahead(0), None)
    assert told.says == "runnable: nobody goes before it."
    assert told.start.at == NOON


def test_a_full_limit_is_told_with_its_numbers_and_who_runs() -> None:
    text = lane(ONE_A_USER)
    told = explain(
        snapshot("b", lane=text),
        survey({text: waiting("b")}, {ONE_A_USER.name: Standing(used=1)}, running=[holder("a", ONE_A_USER)]),
        [worker()],
    )
    assert not told.runnable
    assert told.says == "waiting: user_id=u1 (sync:concurrency) has 1/1 running (job a)."
    assert told.blockers == ("a",)
    assert (verdict(told, "concurrency").used, verdict(told, "concurrency").limit) == (1, 1)
    assert told.start.at is None
    assert "nobody knows for how long" in told.start.why


def test_a_bucket_tells_when_it_refills_and_so_does_the_start() -> None:
    text = lane(OPENAI)
    mark = (NOON + 3_000) * 1_000
    told = explain(
        snapshot("a", lane=text), survey({text: waiting("a")}, {OPENAI.name: Standing(mark=mark)}), [worker()]
    )
    assert told.says == "waiting: bucket openai:rate refills 12:00:03 UTC."
    assert (told.next_at, told.start.at) == (NOON + 3_000, NOON + 3_000)


def test_those_before_it_in_its_lane_count_for_the_start() -> None:
    text = lane(OPENAI)
    told = explain(snapshot("c", lane=text), survey({text: waiting("a", "b", "c")}), [worker()])
    assert (told.runnable, told.ahead_in_lane) == (False, Ahead(2))
    assert "the first of them, job b, must wait" in told.says
    assert told.start.at == NOON + 2_000


def test_a_budget_tells_what_is_spent_and_when_its_window_ends() -> None:
    text = lane(DAILY, tenant="acme")
    spent = Standing(used=990, mark=NOON // DAILY.period)
    told = explain(
        snapshot("a", lane=text, costs="[20]"),
        survey({text: waiting("a", costs="[20]")}, {DAILY.name: spent}),
        [worker()],
    )
    assert "990/1,000 spent, this job needs 20; the window ends 2026-11-26 00:00:00 UTC" in told.says
    assert told.next_at == told.start.at == NOON + 12 * 3_600_000


def test_a_job_that_costs_more_than_its_whole_budget_never_starts_and_that_is_said() -> None:
    text = lane(DAILY)
    told = explain(snapshot("a", lane=text, costs="[2000]"), survey({text: waiting("a", costs="[2000]")}), [worker()])
    assert "it never starts" in told.says
    assert told.start.at is None


def test_who_waits_in_order_is_told_who_has_not_ended() -> None:
    text = lane(ORDER)
    told = explain(
        snapshot("b", lane=text), survey({text: waiting("b")}, {ORDER.name: Standing(holder="a")}), [worker()]
    )
    assert "job a has not ended" in told.says
    assert told.blockers == ("a",)


def test_a_parked_gate_says_until_when() -> None:
    text = lane(OPENAI)
    told = explain(
        snapshot("a", lane=text), survey({text: waiting("a")}, {OPENAI.name: Standing(until=NOON + 90_000)}), [worker()]
    )
    assert told.says == "waiting: openai:rate is parked until 12:01:30 UTC."


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("queue=mail", "the queue 'mail' is paused"),
        ("task=sync", "the task 'sync' is paused"),
        ("tenant=acme", "the tenant 'acme' is paused"),
        ("key=user_id=u1", "the key 'user_id=u1' is paused"),
        ("sync:concurrency", "the limit 'sync:concurrency' is paused"),
        ("sync:concurrency:user_id=u1", "the limit 'sync:concurrency:user_id=u1' is paused"),
    ],
)
def test_whatever_is_paused_is_named(target: str, says: str) -> None:
    text = lane(ONE_A_USER, tenant="acme")
    told = explain(
        snapshot("a", lane=text, tenant="acme"),
        survey({text: waiting("a")}, steering={target: Steer(paused=True)}),
        [worker()],
    )
    assert (told.runnable, told.failing[0].says, told.failing[0].name) == (False, says, target)
    assert told.start.at is None


def test_a_plain_job_of_a_paused_task_is_told_so() -> None:
    rows = {lane_of_task("sync"): waiting("a")}
    told = explain(snapshot("a"), survey(rows, steering={"task=sync": Steer(paused=True)}), [worker()])
    assert told.says == "waiting: the task 'sync' is paused."


def test_an_operators_limit_is_a_gate_like_any_other() -> None:
    cap = {"queue=mail": Steer(limit=1)}
    told = explain(
        snapshot("b"),
        survey(
            {PLAIN: waiting("b")}, {"queue=mail": Standing(used=1)}, cap, [Running("a", "mail", "other", None, None)]
        ),
        [worker()],
    )
    assert "queue=mail has 1/1 running (job a)" in told.says


def test_those_who_go_before_it_may_take_what_is_left() -> None:
    two = Gate(Kind.CONCURRENCY, "sync:concurrency", "", 1)
    first, second = lane(two, tenant="acme"), lane(two, tenant="bolt")
    turns = [Turn("acme", 0, [Row(first, waiting("a"))]), Turn("bolt", 5_000_000, [Row(second, waiting("b"))])]
    told = explain(snapshot("b", lane=second, tenant="bolt"), survey(turns), [worker()])
    assert not told.runnable
    assert "has 0/1 running, and what is left goes to jobs before it" in told.says
    assert verdict(told, "turn").says == "the tenant 'bolt': 1 other tenant has its turn before"


@pytest.mark.parametrize(
    ("workers", "says"),
    [
        ([], "no live worker serves the queue 'mail'"),
        ([worker(live=False)], "no live worker serves the queue 'mail'"),
        ([worker(queues=["ai"])], "no live worker serves the queue 'mail'"),
        ([worker(tasks=["other"])], "none of them knows the task 'sync'"),
        ([worker(tasks=["other"]), worker(tasks=None)], None),
    ],
)
def test_a_runnable_job_that_no_worker_can_take_is_told_so(workers: list[WorkerInfo], says: str | None) -> None:
    told = explain(snapshot("a"), survey({PLAIN: waiting("a")}), workers)
    assert told.runnable
    assert (says is None) == told.serving.enough
    assert says is None or says in told.says
    assert (told.start.at is None) == (says is not None)


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"state": State.SCHEDULED, "due_at": NOON + 60_000}, "waiting: it is due 12:01:00 UTC."),
        (
            {"state": State.SCHEDULED, "due_at": NOON + 60_000, "attempt": 1},
            "waiting: it is due 12:01:00 UTC (attempt 2 of 3).",
        ),
        ({"state": State.SCHEDULED, "due_at": NOON - 1}, "waiting: it is due, and is queued as soon as"),
        ({"state": State.HELD, "reason": "operator"}, "it is held (operator) until somebody releases it"),
        ({"state": State.HELD, "reason": "unknown_task"}, "no worker that met it knew the task 'sync'"),
        ({"state": State.HELD, "reason": "spooled"}, "it waits on this host, for the store was away"),
        ({"state": State.RUNNING, "worker": "w1", "started_at": NOON}, "it runs since 12:00:00 UTC on worker w1."),
        ({"state": State.FAILED, "reason": "error", "finished_at": NOON}, "it has ended 12:00:00 UTC (error)."),
        ({"state": State.COMPLETED, "finished_at": NOON}, "it has ended 12:00:00 UTC (completed)."),
    ],
)
def test_a_job_that_is_not_queued_is_explained_by_its_state(known: dict[str, Any], says: str) -> None:
    told = explain(snapshot("a", **known), survey({}), [worker()])
    assert not told.runnable
    assert says in told.says


def test_a_job_that_moved_on_between_two_looks_says_so() -> None:
    told = explain(snapshot("a"), survey({PLAIN: waiting("b")}), [worker()])
    assert (told.runnable, told.verdicts[0].passes) == (False, None)
    assert told.says == "waiting: it was taken or moved just now; ask again."


def test_a_job_behind_more_than_is_looked_at_is_no_lie() -> None:
    text = lane(ONE_A_USER)
    looked = survey([Turn("", 0, [Row(PLAIN, waiting("b", "c"), more=True)])])
    told = explain(snapshot("a", lane=text), looked, [worker()])
    assert not told.whole
    assert str(told.ahead_in_queue) == "2+"
    assert verdict(told, "concurrency").passes is None
    assert "it stands behind more jobs than are looked at" in told.says


def test_long_queues_are_counted_to_a_thousand() -> None:
    assert [str(Ahead(number)) for number in (0, 999, 1_000, 50_000)] == ["0", "999", "1,000+", "1,000+"]


def test_the_start_of_a_job_in_the_crowd_is_estimated_from_what_jobs_take() -> None:
    ids = [f"{number:03}" for number in range(31)]
    looked = survey({PLAIN: waiting(*ids)})
    assert explain(snapshot("030"), looked, [worker()], typical=2_000).start.at == NOON + 6_000
    unknown = explain(snapshot("030"), looked, [worker()]).start
    assert (unknown.at, "nobody knows yet" in unknown.why) == (None, True)


def test_explaining_changes_nothing_of_what_was_read() -> None:
    text = lane(ONE_A_USER)
    looked = survey({text: waiting("a", "b"), PLAIN: waiting("c")})
    before = repr(looked)
    first = explain(snapshot("b", lane=text), looked, [worker()])
    assert repr(looked) == before
    assert explain(snapshot("b", lane=text), looked, [worker()]) == first


def test_a_queue_tells_where_most_of_its_jobs_wait() -> None:
    text, other = lane(ONE_A_USER), lane(OPENAI)
    told = explain_queue(
        survey(
            {text: waiting("b", "c", "d"), other: waiting("e"), PLAIN: waiting("f")},
            {ONE_A_USER.name: Standing(used=1), OPENAI.name: Standing(mark=(NOON + 3_000) * 1_000)},
            running=[holder("a", ONE_A_USER)],
        ),
        [worker()],
    )
    assert (told.waiting, told.runnable, told.running) == (Ahead(5), Ahead(1), Ahead(1))
    assert [(each.verdict.name, each.jobs, each.lanes) for each in told.obstacles] == [
        (ONE_A_USER.name, Ahead(3), 1),
        (OPENAI.name, Ahead(1), 1),
    ]
    assert "5 jobs waiting, 1 runnable, 1 running" in told.says


def test_a_paused_queue_says_nothing_else() -> None:
    told = explain_queue(survey({PLAIN: waiting("a")}, steering={"queue=mail": Steer(paused=True)}), [])
    assert (told.paused, told.runnable) == (True, Ahead(0))
    assert told.says == (
        "1 job waiting, 0 runnable, 0 running; no live worker serves the queue 'mail'; the queue 'mail' is paused."
    )


# -- runnable is what the claim takes ------------------------------------------------------------------------------

GATES = [
    [],
    [ONE_A_USER],
    [OPENAI],
    [DAILY],
    [ORDER],
    [Gate(Kind.CONCURRENCY, "sync:concurrency", "", 2), ONE_A_USER],
    [OPENAI, DAILY],
]
STEERS = st.builds(
    Steer,
    paused=st.booleans(),
    limit=st.none() | st.integers(1, 3),
    weight=st.integers(1, 3),
    declared=st.sampled_from([None, (2, 60_000, 2)]),
)
TARGETS = ["queue=mail", "task=sync", "tenant=acme", "key=user_id=u1", OPENAI.name, ONE_A_USER.policy]
STANDINGS = st.builds(
    Standing,
    used=st.integers(0, 3),
    mark=st.sampled_from([0, NOON * 1_000, (NOON + 2_000) * 1_000, NOON // DAILY.period]),
    until=st.sampled_from([0, NOON, NOON + 1_000]),
    holder=st.sampled_from(["", "j1"]),
)


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    """Draw a queue as a store tells of it: where somebody steers their task, plain jobs have its lane."""
    steering = draw(st.dictionaries(st.sampled_from(TARGETS), STEERS, max_size=2))
    plain = lane_of_task("sync") if "task=sync" in steering else PLAIN
    number, turns = 0, []
    for tenant in ("", "acme", "bolt"):
        rows = []
        for gates in draw(st.lists(st.sampled_from(GATES), unique_by=str, max_size=4)):
            text = write_lane("sync", tenant, gates) or plain
            ids = [f"j{number + more}" for more in range(draw(st.integers(1, 3)))]
            number += len(ids)
            rows.append(Row(text, [Waiting(id, id, draw(st.integers(0, 3)), int(id[1:])) for id in ids]))
            rows[-1].jobs = sorted(rows[-1].jobs, key=lambda job: job.place)
        turns.append(Turn(tenant, draw(st.integers(0, 3_000_000)), rows))
    names = sorted({gate.name for gates in GATES for gate in gates} | {"queue=mail"})
    standings = draw(st.dictionaries(st.sampled_from(names), STANDINGS, max_size=4))
    return Survey(NOON, Line("mail", draw(st.integers(0, 2_000_000)), turns), standings, steering, ())


@given(surveys())
def test_runnable_is_exactly_what_a_claim_of_everything_takes(looked: Survey) -> None:
    ids = {job.id: row.text for turn in looked.line.turns for row in turn.rows for job in row.jobs}
    told = {id: explain(snapshot(id, lane=text or None), looked, []) for id, text in ids.items()}
    fresh = replace(
        looked.line, turns=[replace(turn, rows=[replace(row) for row in turn.rows]) for turn in looked.line.turns]
    )
    taken = choose([fresh], looked.standings, looked.steering, NOON, len(ids) + 1).taken
    assert {id for id, each in told.items() if each.runnable} == {each.job.id for each in taken}
    for each in told.values():
        others = [verdict for verdict in each.failing if verdict.predicate != "worker"]
        assert each.runnable == (not others), each.says
