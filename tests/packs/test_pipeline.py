"""The main job, whole and for real: the sample mailbox in, a digest out, on one SQLite file."""

import json
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from treadle import JobFailed, Treadle, samples
from treadle.packs import ai, crm, mail, notify, pipeline
from treadle.packs.ai.tasks import process_thread
from treadle.packs.mail import reading
from treadle.packs.mail.ingest import import_mailbox
from treadle.packs.pipeline import runs

Ended = dict[str, Any]


def open_app(folder: Path) -> Treadle:
    app = Treadle(f"sqlite:///{folder / 'jobs.db'}?durability=fast")
    for pack in (mail.pack, ai.pack, crm.pack, notify.pack, pipeline.pack):
        app.include(pack)
    return app


def run(app: Treadle, path: Path, **options: Any) -> Ended:
    job = app.bind(pipeline.run_mailbox).enqueue(str(path), **options)
    app.run_until_idle()
    last = app.job(pipeline.finish_id(job.id))
    while not last.status.final:  # it snoozes while others work, and a snooze is not due at once
        app.run_until_idle()
    ended: Ended = last.result(timeout=0)
    return ended


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(open_app(folder), samples.path())


def test_a_mailbox_comes_in_and_everything_comes_out(finished: tuple[Path, Ended]) -> None:
    """S0.03, S0.04: summaries, labels, replies and tasks of every thread."""
    _, totals = finished
    assert totals["messages"] >= 70
    assert totals["threads"] >= 26
    assert totals["summaries"] == totals["labels"] == totals["threads"]
    assert min(totals["tasks"], totals["drafts"]) >= 10
    assert totals["leads"] >= 4
    assert totals["failures"] == 0
    json.dumps(totals)


def test_the_digest_of_the_newest_day_lies_in_the_outbox(finished: tuple[Path, Ended]) -> None:
    """S2.02: the daily digest."""
    folder, totals = finished
    (path,) = (folder / "outbox").iterdir()
    assert totals["digest"]["status"] == "sent"
    assert Path(totals["digest"]["path"]) == path
    read = message_from_bytes(path.read_bytes(), policy=SMTP)
    assert read["Subject"].startswith("Your mail of Friday, 20 March: ")
    body = read.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.index("NEEDS YOU NOW") < text.index("TO DO") < text.index("NEW LEADS") < text.index("DRAFTS TO LOOK AT")
    assert "Unsafe brakes".lower() in text[: text.index("TO DO")].lower()
    assert "Camille Roussel" in text
    assert "http" not in text


def test_the_same_mailbox_again_does_nothing_twice(tmp_path: Path) -> None:
    app = open_app(tmp_path)
    first = run(app, samples.path())
    letter = Path(first["digest"]["path"]).read_bytes()
    again = run(app, samples.path())
    assert (again["messages"], again["leads"], again["contacts"]) == (0, first["leads"], first["contacts"])
    assert again["digest"] == first["digest"]
    assert [path.read_bytes() for path in (tmp_path / "outbox").iterdir()] == [letter]


def test_an_owner_and_a_day_can_be_chosen(tmp_path: Path) -> None:
    ended = run(open_app(tmp_path), samples.path(), owner="mara@barrowbell.test", date="2026-03-17")
    read = message_from_bytes(Path(ended["digest"]["path"]).read_bytes(), policy=SMTP)
    assert (read["To"], "Tuesday, 17 March" in read["Subject"]) == ("mara@barrowbell.test", True)


def test_a_day_without_mail_gets_no_letter(tmp_path: Path) -> None:
    ended = run(open_app(tmp_path), samples.path(), date="2020-02-29")
    assert ended["digest"] == {"status": "empty", "items": 0, "message_id": None, "path": None}
    assert not (tmp_path / "outbox").exists()


def test_a_run_that_broke_after_its_import_still_does_all_the_rest(tmp_path: Path) -> None:
    app = open_app(tmp_path)
    database = runs.tables(app)
    run_id = import_mailbox(database, samples.path()).id  # the first try got this far
    again = import_mailbox(database, samples.path()).id  # the second finds nothing new
    imports = runs.imports_since(database, "me", str(samples.path()), began=0)
    assert imports == [run_id, again]
    jobs = [runs.fan_out(app, "run-1", imports) for _ in range(2)]
    assert jobs[0] == jobs[1] == sum(app.count().values())
    assert runs.totals(app, "run-1", imports)["messages"] >= 70


def test_jobs_that_failed_or_were_cancelled_do_not_stop_the_digest(tmp_path: Path) -> None:
    app = open_app(tmp_path)
    imported = import_mailbox(runs.tables(app), samples.path()).id
    runs.fan_out(app, "run-1", [imported])
    thread, cancelled, *_ = reading.threads_of_run(runs.tables(app), imported)
    app.bind(process_thread).using(batch="run-1").enqueue(thread, provider="nobody")
    assert app.job(f"ai:run-1:{cancelled}").cancel()
    last = app.bind(pipeline.finish).enqueue("run-1", [imported])
    while not last.status.final:
        app.run_until_idle()
    totals = last.result(timeout=0)
    assert (totals["digest"]["status"], totals["failures"]) == ("sent", 1)
    assert totals["summaries"] == totals["threads"] - 1


def test_an_import_that_ended_before_is_none_of_this_runs(tmp_path: Path) -> None:
    database = runs.tables(open_app(tmp_path))
    ended = reading.read_run(database, import_mailbox(database, samples.path()).id)
    assert ended is not None
    assert ended.finished_at is not None
    assert runs.imports_since(database, "me", str(samples.path()), began=ended.finished_at + 1) == []


def test_a_path_that_is_no_mailbox_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no mail here")
    app = open_app(tmp_path)
    job = app.bind(pipeline.run_mailbox).enqueue(str(tmp_path / "notes.txt"))
    app.run_until_idle()
    with pytest.raises(JobFailed, match="notes"):
        job.result(timeout=0)
