"""The tasks as jobs: real mail in, answers in the database, on a real worker (S0.03, S0.04)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from treadle import InvalidArguments, State, Treadle
from treadle.packs.ai import pack, store
from treadle.packs.ai.desk import Desk
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.ports import TASKS, Answer, Instructions, ProviderError, TaskName
from treadle.packs.ai.tasks import learn, open_desk, process_thread, process_unprocessed
from treadle.packs.ai.threads import ThreadText
from treadle.packs.mail import reading
from treadle.packs.mail.ingest import import_mailbox

MAILS = [
    ("Quote", "Ada Byron <ada@byron.example>", "Could you please send us a quote for 12 desks by Friday?"),
    ("Complaint", "Bob Hill <bob@hill.example>", "This is unacceptable. I want a full refund of 40 EUR."),
    ("Lunch", "Eve Gray <eve@gray.example>", "How lovely to see you! The kids send hugs to grandma."),
]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Treadle]:
    app = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}")
    app.include(pack)
    box = tmp_path / "box"
    box.mkdir()
    for number, (subject, sender, text) in enumerate(MAILS):
        head = f"From: {sender}\nTo: me@here.example\nSubject: {subject}\nMessage-ID: <{number}@x.example>\n"
        date = f"Date: Wed, 18 Nov 2026 09:0{number}:00 +0000\n\n"
        (box / f"{number}.eml").write_text(head + date + text + "\n")
    import_mailbox(app.use(Desk).database, box, owner="me")
    yield app
    app.close()


def threads(app: Treadle) -> list[str]:
    return reading.thread_ids(app.use(Desk).database, "me")


def test_a_thread_is_processed_and_its_answers_are_kept(app: Treadle) -> None:
    thread_id = threads(app)[-1]
    job = app.bind(process_thread).using(owner="me").enqueue(thread_id)
    app.run_until_idle()
    result: dict[str, Any] = job.result(timeout=0)

    assert result["status"] == "ok"
    assert result["results"]["classify"]["category"] == "sales"
    assert result["results"]["tasks"]["tasks"][0]["due"] == "2026-11-20"
    assert result["results"]["reply"]["draft"].startswith("Hello Ada Byron,")
    with app.use(Desk).database.read() as connection:
        assert set(store.newest(connection, [thread_id])[thread_id]) == set(TASKS)


def test_any_subset_of_the_tasks_may_be_asked_for(app: Treadle) -> None:
    job = app.bind(process_thread).enqueue(threads(app)[0], tasks=["summarize", "sentiment"])
    app.run_until_idle()

    assert list(job.result(timeout=0)["results"]) == ["summarize", "sentiment"]


def test_an_unknown_task_name_is_refused_when_it_is_enqueued(app: Treadle) -> None:
    with pytest.raises(InvalidArguments, match="tasks"):
        app.bind(process_thread).enqueue("t", tasks=["summarise"])  # type: ignore[list-item]


@pytest.mark.parametrize(("thread_id", "owner"), [("no such thread", "me"), (None, "somebody else")])
def test_a_thread_that_is_gone_or_anothers_is_skipped(app: Treadle, thread_id: str | None, owner: str) -> None:
    job = app.bind(process_thread).using(owner=owner).enqueue(thread_id or threads(app)[0])
    app.run_until_idle()
    job.refresh()

    assert job.status == State.COMPLETED
    with app.use(Desk).database.read() as connection:
        assert store.newest(connection, threads(app)) == {}


def test_an_unknown_provider_fails_at_once_and_names_those_known(app: Treadle) -> None:
    job = app.bind(process_thread).enqueue(threads(app)[0], provider="oracle")
    app.run_until_idle()
    job.refresh()

    assert job.status == State.FAILED


def test_unprocessed_threads_are_found_once(app: Treadle) -> None:
    first = app.bind(process_unprocessed).using(owner="me").enqueue(limit=2)
    app.run_until_idle()
    second = app.bind(process_unprocessed).using(owner="me").enqueue()
    app.run_until_idle()
    third = app.bind(process_unprocessed).using(owner="me").enqueue()
    app.run_until_idle()

    counts = [
        {key: job.result(timeout=0)[key] for key in ("found", "enqueued", "skipped")} for job in (first, second, third)
    ]
    assert counts == [
        {"found": 2, "enqueued": 2, "skipped": 0},
        {"found": 1, "enqueued": 1, "skipped": 0},
        {"found": 0, "enqueued": 0, "skipped": 0},
    ]
    assert app.count(batch=first.result(timeout=0)["batch_id"])[State.COMPLETED] == 2


def test_a_thread_that_lacks_one_answer_is_found_for_it(app: Treadle) -> None:
    app.bind(process_unprocessed).using(owner="me").enqueue(tasks=["classify"])
    app.run_until_idle()
    job = app.bind(process_unprocessed).using(owner="me").enqueue(tasks=["summarize"])
    app.run_until_idle()

    assert job.result(timeout=0)["enqueued"] == 3


def test_few_corrections_teach_nothing_yet(app: Treadle) -> None:
    with app.use(Desk).database.write() as connection:
        store.correct(connection, "me", threads(app)[0], "classify", "work", 1)
        store.correct(connection, "me", threads(app)[0], "classify", "sales", 2)
        assert [(one.value, one.at) for one in store.labels(connection, "me", "classify")] == [("sales", 2)]
    job = app.bind(learn).using(owner="me").enqueue()
    app.run_until_idle()

    assert job.result(timeout=0) == {
        "labels": 1, "classes": 1, "accuracy_cv": None, "accuracy_before": None, "activated": False,
    }  # fmt: skip


def test_a_thread_that_has_grown_is_found_again(app: Treadle, tmp_path: Path) -> None:
    app.bind(process_unprocessed).using(owner="me").enqueue()
    app.run_until_idle()
    box = tmp_path / "more"
    box.mkdir()
    head = "From: Ada Byron <ada@byron.example>\nTo: me@here.example\nSubject: Re: Quote\nMessage-ID: <n@x.example>\n"
    head += "References: <0@x.example>\nDate: Thu, 19 Nov 2026 09:00:00 +0000\n\n"
    (box / "n.eml").write_text(head + "We found another supplier, thank you.\n")
    import_mailbox(app.use(Desk).database, box, owner="me")
    job = app.bind(process_unprocessed).using(owner="me").enqueue()
    app.run_until_idle()

    assert job.result(timeout=0)["enqueued"] == 1


class Flaky(LocalProvider):
    """Answers all but one task."""

    def run(self, task: TaskName, thread: ThreadText, instructions: Instructions) -> Answer:
        if task == "reply":
            raise ProviderError("timeout", "no answer within 30 s", retryable=True)
        return super().run(task, thread, instructions)


def with_flaky(app: Treadle) -> Desk:
    return replace(open_desk(app), providers={"flaky": lambda learned: Flaky()})


@pytest.fixture
def flaky(app: Treadle) -> Treadle:
    app.close_resources()
    app.provide(Desk, with_flaky)
    return app


def test_what_may_still_come_is_tried_again_and_the_rest_is_kept(flaky: Treadle) -> None:
    thread_id = threads(flaky)[0]
    job = flaky.bind(process_thread).enqueue(thread_id, provider="flaky")
    flaky.run_until_idle()
    job.refresh()

    assert job.status == State.SCHEDULED
    with flaky.use(Desk).database.read() as connection:
        assert set(store.newest(connection, [thread_id])[thread_id]) == set(TASKS) - {"reply"}


def test_after_the_last_attempt_what_there_is_counts(flaky: Treadle) -> None:
    job = flaky.bind(process_thread).using(max_attempts=1).enqueue(threads(flaky)[0], provider="flaky")
    flaky.run_until_idle()
    result: dict[str, Any] = job.result(timeout=0)

    assert result["status"] == "partial"
    assert result["errors"] == {"reply": {"code": "timeout", "message": "no answer within 30 s", "retryable": True}}


def test_corrections_teach_the_users_own_categories(app: Treadle, tmp_path: Path) -> None:
    box = tmp_path / "many"
    box.mkdir()
    for number in range(24):
        kind = "the gizmo hums and blinks" if number % 2 else "the pallet waits for customs papers"
        head = f"From: Ada <ada@byron.example>\nTo: me@here.example\nSubject: note {number}\n"
        head += f"Message-ID: <m{number}@x.example>\nDate: Wed, 18 Nov 2026 10:00:00 +0000\n\n"
        (box / f"{number}.eml").write_text(f"{head}{kind} in hall {number}.\n")
    import_mailbox(app.use(Desk).database, box, owner="me")
    desk = app.use(Desk)
    for thread_id in threads(app):
        opened = desk.threads.read(thread_id)
        assert opened is not None
        if opened.text.subject.startswith("note"):
            value = "support" if "gizmo" in opened.text.messages[0].text else "work"
            with desk.database.write() as connection:
                store.correct(connection, "me", thread_id, "classify", value, 1)
    job = app.bind(learn).using(owner="me").enqueue()
    app.run_until_idle()
    assert job.result(timeout=0)["activated"] is True

    again = app.bind(process_thread).enqueue(threads(app)[0], tasks=["classify"])
    app.run_until_idle()
    assert again.result(timeout=0)["results"]["classify"]["model"].startswith("rules+bayes@")
