"""What a lane's name says, and what an operator says of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import is_ordered, lane_of_task, read_costs, read_lane, write_lane
from treadle.core.flow.steering import (
    DEFAULT,
    Steer,
    Steering,
    caps,
    gates_before,
    is_for_all,
    paused_by,
    read_steering,
    write_steer,
)

ONE = Gate(Kind.CONCURRENCY, "sync:concurrency", "user_id=u1", 1)
API = Gate(Kind.RATE, "api:rate", "", 250, 1_000, 250)
ORDER = Gate(Kind.ORDER, "sync:order", "account=a", 1)

GATES = st.builds(
    Gate,
    kind=st.sampled_from(Kind),
    policy=st.text(min_size=1),
    key=st.text(),
    limit=st.integers(0, 10**12),
    period=st.integers(0, 10**12),
    burst=st.integers(0, 10**12),
)


@given(st.text(), st.text(min_size=1), st.lists(GATES, max_size=3))
def test_a_lane_is_read_as_it_was_written(task: str, tenant: str, gates: list[Gate]) -> None:
    text = write_lane(task, tenant, gates)
    assert text is not None
    lane = read_lane(text)
    assert (lane.task, lane.tenant, lane.gates) == (task, tenant, tuple(gates))
    assert write_lane(lane.task, lane.tenant, lane.gates) == text


def test_a_lanes_name_is_plain_json_and_says_all_of_it() -> None:
    assert write_lane("mail.sync", "acmé", [API]) == '["mail.sync","acmé",[["rate","api:rate","",250,1000,250]]]'


@pytest.mark.parametrize("tenant", [None, ""])
def test_a_job_that_nothing_governs_has_no_lane(tenant: str | None) -> None:
    assert write_lane("sync", tenant, []) is None
    assert write_lane("sync", "acme", []) == '["sync","acme",[]]'
    assert write_lane("sync", tenant, [API]) is not None


def test_other_numbers_or_another_order_of_gates_is_another_lane() -> None:
    texts = [[ONE, API], [API, ONE], [ONE, API._replace(limit=9)], [ONE]]
    assert len({write_lane("sync", None, gates) for gates in texts}) == len(texts)


def test_a_lane_can_be_steered_by_all_that_governs_it() -> None:
    lane = read_lane(write_lane("sync", "acme", [ONE, API]) or "")
    assert lane.targets == (
        "task=sync", "tenant=acme", "sync:concurrency", "sync:concurrency:user_id=u1", "key=user_id=u1", "api:rate",
    )  # fmt: skip


def test_the_lane_of_a_steered_task_has_no_gates_of_its_own() -> None:
    lane = read_lane(lane_of_task("sync"))
    assert (lane.task, lane.tenant, lane.gates, lane.targets) == ("sync", "", (), ("task=sync",))


def test_only_an_order_ties_jobs_to_each_other() -> None:
    assert is_ordered(write_lane("sync", None, [ONE, ORDER]))
    assert not is_ordered(write_lane("order", "order", [ONE, API]))
    assert not is_ordered(None)


def test_what_a_job_costs_is_one_where_nothing_is_said() -> None:
    assert list(read_costs(None, 3)) == [1, 1, 1]
    assert list(read_costs("[1,250]", 2)) == [1, 250]


STEERS = st.builds(
    Steer,
    paused=st.booleans(),
    limit=st.none() | st.integers(0, 10**6),
    weight=st.integers(1, 100),
    declared=st.none() | st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)),
)


@given(st.dictionaries(st.text(), STEERS))
def test_what_an_operator_said_is_read_as_it_was_written(steering: dict[str, Steer]) -> None:
    written = [(target, write_steer(steer)) for target, steer in steering.items()]
    assert all((value is None) == (steering[target] == DEFAULT) for target, value in written)
    read = read_steering((target, value) for target, value in written if value is not None)
    assert {target: read.get(target, DEFAULT) for target in steering} == steering


def test_what_older_code_wrote_is_read_all_the_same() -> None:
    assert read_steering([("queue=mail", '{"paused":true}')]) == {"queue=mail": Steer(paused=True)}


LANE = read_lane(write_lane("sync", "acme", [ONE, API]) or "")


@pytest.mark.parametrize("target", ["queue=mail", *LANE.targets])
def test_what_is_paused_is_named(target: str) -> None:
    assert paused_by("mail", LANE.targets, {target: Steer(paused=True), "queue=other": Steer(paused=True)}) == target
    assert paused_by("mail", LANE.targets, {target: Steer(limit=1)}) is None


def test_the_first_of_what_is_paused_is_named() -> None:
    steering = {"queue=mail": Steer(paused=True), "task=sync": Steer(paused=True)}
    assert paused_by("mail", LANE.targets, steering) == "queue=mail"


def cap(target: str, limit: int) -> Gate:
    return Gate(Kind.CONCURRENCY, target, "", limit)


BEFORE: list[tuple[Steering, list[Gate]]] = [
    ({}, [ONE, API]),
    ({"queue=other": Steer(limit=1), "task=other": Steer(limit=1), "tenant=": Steer(limit=1)}, [ONE, API]),
    ({"queue=mail": Steer(paused=True), "tenant=acme": Steer(weight=3)}, [ONE, API]),
    (
        {"tenant=acme": Steer(limit=3), "task=sync": Steer(limit=2), "queue=mail": Steer(limit=1)},
        [cap("queue=mail", 1), cap("task=sync", 2), cap("tenant=acme", 3), ONE, API],
    ),
    ({"queue=mail": Steer(limit=0)}, [cap("queue=mail", 0), ONE, API]),
    # an operator's number for a policy holds for all its keys, that for one gate before it
    ({"sync:concurrency": Steer(limit=5)}, [ONE._replace(limit=5), API]),
    ({"sync:concurrency:user_id=u1": Steer(limit=7)}, [ONE._replace(limit=7), API]),
    (
        {"sync:concurrency": Steer(limit=5), "sync:concurrency:user_id=u1": Steer(limit=7)},
        [ONE._replace(limit=7), API],
    ),
    ({"sync:concurrency:user_id=u2": Steer(limit=7)}, [ONE, API]),
    ({"key=user_id=u1": Steer(limit=7)}, [ONE, API]),
    # the newest code's numbers hold for older jobs, an operator's before them
    ({"api:rate": Steer(declared=(9, 60_000, 3))}, [ONE, API._replace(limit=9, period=60_000, burst=3)]),
    ({"api:rate": Steer(limit=4, declared=(9, 60_000, 3))}, [ONE, API._replace(limit=4, period=60_000, burst=3)]),
]


@pytest.mark.parametrize(("steering", "gates"), BEFORE)
def test_an_operators_limits_stand_before_a_lanes_own_gates(steering: Steering, gates: list[Gate]) -> None:
    assert list(gates_before("mail", LANE, steering)) == gates


def test_a_job_without_a_tenant_is_capped_by_its_queue_and_task() -> None:
    steering = {"queue=mail": Steer(limit=1), "task=sync": Steer(limit=2), "tenant=None": Steer(limit=3)}
    assert caps("mail", "sync", None, steering) == [cap("queue=mail", 1), cap("task=sync", 2)]


def test_only_queues_and_tasks_concern_jobs_without_a_lane() -> None:
    targets = ("queue=mail", "task=sync", "tenant=acme", "key=user_id=u1", "sync:concurrency")
    assert [is_for_all(target) for target in targets] == [True, True, False, False, False]
