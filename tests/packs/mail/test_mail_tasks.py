"""The task around the import: its result, its progress, its refusals, and that it may be stopped and go on."""

from pathlib import Path

import pytest

from treadle import JobFailed, Treadle, samples
from treadle.packs.database import Database
from treadle.packs.mail import pack, reading
from treadle.packs.mail.tasks import import_local


@pytest.fixture
def app(tmp_path: Path) -> Treadle:
    app = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}")
    app.include(pack)
    return app


def test_a_job_imports_a_mailbox_and_answers_its_counts(app: Treadle) -> None:
    """S0.01, for mail that lies on this machine."""
    job = app.bind(import_local).enqueue(str(samples.path()), owner="mara@barrowbell.test")
    app.run_until_idle()
    result = job.result()
    assert result["seen"] == result["messages"] + result["duplicates"] + result["refused"]
    assert result["messages"] >= 60
    assert result["threads"] == len(reading.threads_of_run(app.use(Database), result["run"]))
    progress = job.refresh().progress
    assert progress is not None
    assert progress.done == progress.total


def test_the_same_path_again_does_nothing_new(app: Treadle) -> None:
    first = app.bind(import_local).enqueue(str(samples.path()))
    app.run_until_idle()
    again = app.bind(import_local).enqueue(str(samples.path()))
    app.run_until_idle()
    assert again.result()["messages"] == 0
    assert again.result()["duplicates"] == first.result()["seen"]


def test_what_is_no_mailbox_fails_at_once_with_a_sentence(app: Treadle, tmp_path: Path) -> None:
    job = app.bind(import_local).enqueue(str(tmp_path / "nothing"))
    app.run_until_idle()
    with pytest.raises(JobFailed, match=r"is not a mailbox: there is nothing of this name\. Expected"):
        job.result()
    assert job.refresh().attempt == 1


def test_what_was_refused_is_named_in_the_jobs_log(app: Treadle, tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "a.eml").write_bytes(b"Subject: s\n\nbody")
    (tmp_path / "mails" / "broken.zip").write_bytes(b"PK nonsense")
    job = app.bind(import_local).enqueue(str(tmp_path / "mails"))
    app.run_until_idle()
    assert (job.result()["messages"], job.result()["refused"]) == (1, 1)
    assert "broken.zip is not a mailbox" in str(job.refresh().log)
