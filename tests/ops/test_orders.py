"""What an order over many jobs means: decided before a store is asked."""

from typing import Any

import pytest

from tests.core.snapshots import NOON, snapshot
from treadle.builtin import queue_for_bulk
from treadle.bulk import VERBS, Selection, as_document, from_document, order
from treadle.core.errors import ConfigError
from treadle.core.job import Failure, Filter, WorkerInfo
from treadle.core.states import FINAL, LIVE, State

DAY = 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("verb", "asked", "said"),
    [
        ("explode", {}, "Jobs cannot be 'explode' in bulk; it is one of retry, cancel"),
        ("retry", {}, "say that all are meant: --all"),
        ("cancel", {"older_than": 0}, "--all"),
        ("cancel", {"newer_than": 60 * 366 * DAY}, "--all"),
        ("retry", {"states": ["completed", "failed", "cancelled"]}, "--all"),
        ("retry", {"states": ["queued"]}, "No job that is queued can be meant by retry"),
        ("delete", {"states": ["running"]}, "No job that is running can be meant by delete"),
        ("delete", {"all": True}, "--all --delete-everything"),
        ("delete", {"errors": [""]}, "An empty text was given for errors"),
        ("delete", {"tasks": [""]}, "An empty text was given for tasks"),
        ("delete", {"tasks": ["mail"], "priority": 1}, "Prioritize, and nothing else, needs a priority"),
        ("move", {"tasks": ["mail"]}, "needs the queue to move to"),
        ("move", {"tasks": ["mail"], "queue": "two words"}, "'two words' cannot name a queue"),
        ("move", {"tasks": ["mail"], "queue": "ring\x07"}, "cannot name a queue"),
        ("move", {"tasks": ["mail"], "queue": ""}, "cannot name a queue"),
        ("prioritize", {"tasks": ["mail"]}, "needs a priority"),
        ("prioritize", {"tasks": ["mail"], "priority": 101}, "between -100 and 100"),
    ],
)
def test_an_order_that_cannot_be_meant_so_is_refused(verb: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=r".") as refused:
        order(verb, NOON, **asked)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("verb", "asked", "states"),
    [
        ("retry", {"tasks": ["mail"]}, {State.FAILED}),
        ("retry", {"all": True}, {State.FAILED}),
        ("retry", {"states": ["cancelled"]}, {State.CANCELLED}),
        ("cancel", {"owner": "ada"}, LIVE),
        ("delete", {"all": True, "everything": True}, FINAL),
        ("delete", {"states": ["held"]}, {State.HELD}),
        ("move", {"all": True, "queue": "slow"}, {State.HELD, State.SCHEDULED, State.QUEUED}),
    ],
)
def test_an_order_without_states_means_what_it_is_for(verb: str, asked: dict[str, Any], states: set[State]) -> None:
    assert set(order(verb, NOON, **asked).selection.filter.states) == states


def test_owner_tenant_and_batch_are_asked_of_the_store() -> None:
    asked = order("retry", NOON, owner="ada", tenant="acme", batch="b1", newer_than=DAY).selection.filter
    assert asked == Filter((State.FAILED,), (), (), "ada", "acme", "b1", NOON - DAY)


@pytest.mark.parametrize(
    ("asked", "known", "fits"),
    [
        ({}, {}, True),
        ({}, {"created_at": NOON + 1}, False),
        ({}, {"finished_at": NOON + 1}, False),
        ({"reasons": ("timeout",)}, {"reason": "timeout"}, True),
        ({"reasons": ("timeout",)}, {"reason": "error"}, False),
        ({"errors": ("429",)}, {"failure": Failure("HTTPError", "429 Too Many Requests")}, True),
        ({"errors": ("httperror: 429",)}, {"failure": Failure("HTTPError", "429 Too Many Requests")}, True),
        ({"errors": ("429", "quota")}, {"failure": Failure("HTTPError", "429 Too Many Requests")}, False),
        ({"errors": ("429",)}, {}, False),
        ({"created_before": NOON}, {"created_at": NOON - 1}, True),
        ({"created_before": NOON}, {"created_at": NOON}, False),
        ({"but": "a"}, {}, False),
    ],
)
def test_what_no_store_can_be_asked_is_looked_at_in_each_job(
    asked: dict[str, Any], known: dict[str, Any], fits: bool
) -> None:
    assert Selection(Filter(), NOON, **asked).fits(snapshot("a", **known)) is fits


def test_an_order_can_travel_as_the_arguments_of_a_job() -> None:
    for verb in VERBS:
        target = {"move": {"queue": "slow"}, "prioritize": {"priority": -3}}.get(verb, {})
        given = order(
            verb, NOON, tasks=["mail"], errors=["429"], reasons=["error"], older_than=5, tenant="acme", **target
        )  # type: ignore[arg-type]  # either of the two
        assert from_document(as_document(given)) == given


def test_an_order_goes_to_a_queue_that_is_served() -> None:
    def worker(*queues: str, live: bool = True) -> WorkerInfo:
        return WorkerInfo("w", queues=queues, lease_until=NOON + (1 if live else 0))

    assert queue_for_bulk([], NOON) == "default"
    assert queue_for_bulk([worker("ai", "mail"), worker("default")], NOON) == "default"
    assert queue_for_bulk([worker("mail", "ai"), worker("default", live=False)], NOON) == "ai"
