"""What is decided about a job on its way, as tables."""

from typing import Any

import pytest

from treadle.core.job import Snapshot
from treadle.core.states import State
from treadle.moving.plan import can_go, is_outdated, packed, slices, stands_still, to_hold

HELD, QUEUED, RUNNING, DONE = State.HELD, State.QUEUED, State.RUNNING, State.COMPLETED


def snapshot(state: State, **known: Any) -> Snapshot:
    fields: dict[str, Any] = {
        **dict.fromkeys(Snapshot._fields),
        "id": "a",
        "task": "greet",
        "created_at": 1,
        "epoch": 0,
    }
    return Snapshot(**{**fields, "state": state, "queued_at": 1, **known})


@pytest.mark.parametrize(
    ("state", "is_held", "goes"),
    [
        (State.SCHEDULED, True, False),
        (State.QUEUED, True, False),
        (State.HELD, False, True),
        (State.RUNNING, False, False),
        (State.COMPLETED, False, False),
    ],
)
def test_what_a_worker_could_take_is_held_before_it_goes(state: State, is_held: bool, goes: bool) -> None:
    job = snapshot(state)
    assert (to_hold([job]) == ["a"], can_go([job]) == [job]) == (is_held, goes)


@pytest.mark.parametrize(
    ("reason", "arrives"),
    [("leaving", "arriving"), ("unknown_task", "arriving"), ("operator", "operator"), (None, None)],
)
def test_a_job_that_somebody_holds_stays_held(reason: str | None, arrives: str | None) -> None:
    assert packed(snapshot(HELD, reason=reason)) == snapshot(HELD, reason=arrives)


def test_an_end_is_packed_as_it_is() -> None:
    job = snapshot(DONE, reason="leaving", finished_at=5)
    assert packed(job) == job


LEAVING = snapshot(HELD, reason="leaving")
ARRIVING = snapshot(HELD, reason="arriving")
KEPT = snapshot(HELD, reason="operator")


@pytest.mark.parametrize(
    ("found", "job", "outdated"),
    [
        (ARRIVING, LEAVING, False),
        (ARRIVING, snapshot(HELD, reason="unknown_task"), False),
        (ARRIVING, LEAVING._replace(epoch=1), True),
        (ARRIVING, snapshot(QUEUED), True),
        (ARRIVING, snapshot(RUNNING, epoch=1), True),
        (ARRIVING, snapshot(State.CANCELLED, finished_at=5), True),
        (KEPT, KEPT, False),
        (KEPT, LEAVING, True),
        (KEPT, snapshot(DONE, epoch=1, finished_at=5), True),
        (KEPT._replace(created_at=2), LEAVING, False),
        (KEPT._replace(task="other"), LEAVING, False),
        (snapshot(QUEUED), KEPT, False),
        (snapshot(RUNNING, epoch=1), LEAVING, False),
        (snapshot(DONE, finished_at=5), snapshot(DONE, finished_at=5), False),
        (snapshot(DONE, finished_at=5), snapshot(DONE, finished_at=9), True),
        (snapshot(DONE, finished_at=5), LEAVING._replace(queued_at=7), True),
        (snapshot(DONE, finished_at=5), LEAVING._replace(queued_at=3), False),
        (snapshot(DONE, finished_at=5, created_at=2), LEAVING._replace(queued_at=7), False),
    ],
    ids=lambda value: f"{value.state} {value.reason or ''}" if isinstance(value, Snapshot) else str(value),
)
def test_a_copy_is_outdated_when_its_original_has_gone_on(found: Snapshot, job: Snapshot, outdated: bool) -> None:
    assert is_outdated(found, job) is outdated


@pytest.mark.parametrize(
    ("now", "still"),
    [
        (LEAVING, True),
        (LEAVING._replace(epoch=1), False),
        (KEPT, False),
        (snapshot(QUEUED), False),
        (snapshot(State.CANCELLED), False),
    ],
    ids=lambda value: f"{value.state} {value.reason or ''}" if isinstance(value, Snapshot) else str(value),
)
def test_a_job_that_was_released_or_ended_does_not_stand_still(now: Snapshot, still: bool) -> None:
    assert stands_still(LEAVING, now) is still


def test_a_list_is_cut_into_parts() -> None:
    assert list(slices(["a", "b", "c"], 2)) == [["a", "b"], ["c"]]
    assert list(slices([], 2)) == []
