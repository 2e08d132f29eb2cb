"""One thread, five tasks: each answer is kept, one task's error leaves the others alone (S0.03)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from treadle import RetryLater
from treadle.packs.ai import store
from treadle.packs.ai.desk import Desk, Opened
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.ports import TASKS, Answer, Instructions, Provider, ProviderError, TaskName, Usage
from treadle.packs.ai.process import Request, process
from treadle.packs.ai.threads import ThreadText
from treadle.packs.database import Database

Make = Callable[..., ThreadText]


class Scripted:
    """A provider that says what the script says: an output, or an error to raise."""

    name, model, free = "scripted", "script-1", False

    def __init__(self, script: Mapping[str, Mapping[str, object] | Exception]) -> None:
        self.script, self.asked = script, list[str]()

    def prompt_version(self, task: TaskName) -> str:
        return "1"

    def run(self, task: TaskName, thread: ThreadText, instructions: Instructions) -> Answer:
        self.asked.append(task)
        said = self.script.get(task, {"said": task})
        if isinstance(said, Exception):
            raise said
        return Answer(said, 0.5, self.model, "1", Usage(requests=1, tokens_in=10, tokens_out=2, cost_usd=0.001))


class NoThreads:
    """No mail at all."""

    def read(self, thread_id: str) -> Opened | None:
        return None

    def waiting(self, owner: str, tasks: Sequence[TaskName]) -> Iterator[tuple[str, int]]:
        return iter(())

    def settled(self, thread: Opened) -> None:
        raise AssertionError(thread)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = store.prepare(Database(f"sqlite:///{tmp_path / 'packs.db'}"))
    yield Desk(database, NoThreads(), clock=lambda: 1_000)
    database.close()


def ask(desk: Desk, provider: Provider, thread: ThreadText, *tasks: TaskName, force: bool = False) -> dict[str, object]:
    report = process(Request("t1", thread, tasks or TASKS, force), provider, desk)
    return report.as_json()


def test_the_local_provider_answers_all_five_tasks(desk: Desk, thread: Make) -> None:
    report = ask(desk, LocalProvider(), thread("Could you send us a quote for 12 desks by Friday?"))

    assert list(report) == ["thread_id", "status", "results", "errors", "usage", "duration_ms"]
    assert (report["thread_id"], report["status"], report["errors"]) == ("t1", "ok", {})
    assert report["usage"] == {"requests": 0, "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0}
    results = report["results"]
    assert isinstance(results, dict)
    assert set(results) == set(TASKS)
    for told in results.values():
        assert told["provider"] == "local"
        assert told["model"] == "rules"
        assert told["cached"] is False
        assert 0 <= told["confidence"] <= 1


def test_one_tasks_error_makes_a_partial_result_and_loses_nothing(desk: Desk, thread: Make) -> None:
    provider = Scripted({"reply": ProviderError("bad_output", "no JSON", retryable=True), "tasks": KeyError("x")})
    report = ask(desk, provider, thread("Hello there."))

    assert report["status"] == "partial"
    assert set(report["results"]) == {"summarize", "classify", "sentiment"}  # type: ignore[call-overload]
    assert report["errors"] == {
        "reply": {"code": "bad_output", "message": "no JSON", "retryable": True},
        "tasks": {"code": "internal", "message": "KeyError: 'x'", "retryable": False},
    }
    assert report["usage"] == {"requests": 3, "tokens_in": 30, "tokens_out": 6, "cost_usd": 0.003}


def test_no_answer_at_all_is_a_failed_result(desk: Desk, thread: Make) -> None:
    provider = Scripted({"summarize": ProviderError("refusal", "no", retryable=False)})

    assert ask(desk, provider, thread("Hello."), "summarize")["status"] == "failed"


def test_a_known_answer_is_not_asked_for_again(desk: Desk, thread: Make) -> None:
    provider, same = Scripted({}), thread("Hello.")
    first = ask(desk, provider, same, "summarize", "classify")
    second = ask(desk, provider, same, "summarize", "sentiment")

    assert provider.asked == ["summarize", "classify", "sentiment"]
    assert first["results"]["summarize"]["cached"] is False  # type: ignore[index]
    assert second["results"]["summarize"]["cached"] is True  # type: ignore[index]
    assert second["usage"]["requests"] == 1  # type: ignore[index]


def test_force_asks_again_and_the_newest_answer_stands(desk: Desk, thread: Make) -> None:
    ask(desk, Scripted({"summarize": {"summary": "old"}}), thread("Hello."), "summarize")
    ask(desk, Scripted({"summarize": {"summary": "new"}}), thread("Hello."), "summarize", force=True)

    with desk.database.read() as connection:
        assert store.newest(connection, ["t1"])["t1"]["summarize"].output == {"summary": "new"}


def test_a_thread_that_has_grown_is_a_new_question(desk: Desk, thread: Make) -> None:
    provider = Scripted({})
    ask(desk, provider, thread("Hello."), "summarize")
    ask(desk, provider, thread("Hello.", "And one more."), "summarize")

    assert provider.asked == ["summarize", "summarize"]


def test_what_was_answered_before_a_wait_is_kept(desk: Desk, thread: Make) -> None:
    provider = Scripted({"sentiment": RetryLater(7)})
    with pytest.raises(RetryLater):
        ask(desk, provider, thread("Hello."), "summarize", "sentiment", "classify")
    again = Scripted({})
    ask(desk, again, thread("Hello."), "summarize", "sentiment", "classify")

    assert again.asked == ["sentiment", "classify"]


def test_a_stop_between_two_tasks_keeps_the_first_answer_of_a_free_provider_too(desk: Desk, thread: Make) -> None:
    checks = iter([None, RuntimeError("stop")])

    def check() -> None:
        error = next(checks)
        if error:
            raise error

    with pytest.raises(RuntimeError):
        process(Request("t1", thread("Hello."), TASKS), LocalProvider(), desk, check)

    with desk.database.read() as connection:
        assert set(store.newest(connection, ["t1"])["t1"]) == {"summarize"}


def test_an_unknown_price_is_never_nought() -> None:
    assert (Usage(1, 1, 1, None) + Usage(1, 1, 1, 0.5)).cost_usd is None


def test_totals_count_the_newest_answers(desk: Desk, thread: Make) -> None:
    text = "Could you send us a quote by Friday?"
    process(Request("t1", thread(text), TASKS), LocalProvider(), desk)
    process(Request("t1", thread(text, text + " Now?"), TASKS), LocalProvider(), desk)
    process(Request("t2", thread("The parcel.", list_id="x.example"), ["summarize"]), LocalProvider(), desk)

    with desk.database.read() as connection:
        totals = store.totals(connection, ["t1", "t2", "t3"])
        assert store.missing(connection, ["t3", "t2", "t1"], ["summarize", "reply"]) == ["t3", "t2"]

    assert totals == {"summaries": 2, "labels": 1, "sentiments": 1, "tasks_found": 1, "drafts": 1, "suspicious": 0}


def test_two_processes_may_make_the_tables_at_once(desk: Desk) -> None:
    other = Database(f"sqlite:///{desk.database.path}")
    store.prepare(other)
    store.prepare(desk.database)
    other.close()
