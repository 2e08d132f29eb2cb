"""What becomes of a claim before its code runs, as a table."""

import pytest

from treadle import NEVER
from treadle.core.job import Claim
from treadle.core.states import State
from treadle.engine.admission import Admission
from treadle.engine.work import Executor, Work

WORK = Work("known", Executor.LOOP, invoke=lambda args, context: None, encode=lambda value: None, retry=NEVER)
NOW = 1_000


def claim(task: str = "known", *, crashes: int = 0, expires_at: int | None = None) -> Claim:
    return Claim(
        ref=1, id="job", task=task, queue="default", args="{}", priority=0, attempt=1, max_attempts=1, epoch=1,
        crashes=crashes, queued_at=0, expires_at=expires_at, result_ttl=None, owner=None, tenant=None, batch=None,
        meta=None,
    )  # fmt: skip


def decided(door: Admission, asked: Claim, *, busy: bool) -> object:
    answer = door.decide(asked, NOW, busy=busy)
    return answer.executor if isinstance(answer, Work) else (answer.state, answer.reason, answer.spends_attempt)


BACK = (State.QUEUED, None, False)


@pytest.mark.parametrize("children", [True, False])
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (claim(), Executor.LOOP),
        (claim(crashes=1), Executor.LOOP),
        (claim(expires_at=NOW + 1), Executor.LOOP),
        (claim(expires_at=NOW), (State.FAILED, "expired", False)),
        (claim("unknown"), (State.HELD, "unknown_task", False)),
    ],
)
def test_a_claim_is_begun_if_its_task_is_known_and_its_time_is_not_over(
    children: bool, asked: Claim, answer: object
) -> None:
    assert decided(Admission({"known": WORK}, children=children), asked, busy=True) == answer


def test_a_suspect_runs_in_a_child_where_there_are_any() -> None:
    door = Admission({"known": WORK}, children=True)
    assert decided(door, claim(crashes=2), busy=True) is Executor.PROCESS
    assert not door.careful


def test_where_there_are_no_children_a_suspect_waits_until_it_is_alone_and_the_others_until_it_is_gone() -> None:
    door = Admission({"known": WORK}, children=False)
    assert decided(door, claim(crashes=2), busy=True) == BACK
    assert door.careful
    assert decided(door, claim(), busy=True) == BACK
    assert decided(door, claim(crashes=2), busy=False) is Executor.LOOP
    assert door.careful
    assert decided(door, claim(), busy=True) == BACK
    assert decided(door, claim(), busy=False) is Executor.LOOP
    assert decided(door, claim(), busy=True) is Executor.LOOP
