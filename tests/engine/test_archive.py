"""What is deleted for its age is kept in the archive first, whole and readable."""

import gzip
import json
from pathlib import Path

import pytest

from tests.core.snapshots import snapshot
from treadle.core.job import Failure
from treadle.core.states import State
from treadle.engine.archive import Archive

DAY = 24 * 3600 * 1000


def lines(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_batches_of_a_day_stand_in_one_file_one_job_a_line(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "old", "w1")
    first = archive.keep([snapshot(id="a"), snapshot(id="b")], now=0)
    second = archive.keep([snapshot(id="ç\n", args='{"n":1}')], now=DAY - 1)
    assert first == second == tmp_path / "old" / "jobs-1970-01-01-w1.jsonl.gz"
    assert [line["id"] for line in lines(first)] == ["a", "b", "ç\n"]
    assert lines(first)[2]["args"] == {"n": 1}


def test_the_next_day_begins_a_file(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "w1")
    assert archive.keep([snapshot(id="a")], now=0) != archive.keep([snapshot(id="a")], now=DAY)


def test_what_failed_is_told_with_its_error(tmp_path: Path) -> None:
    failed = snapshot(id="a", state=State.FAILED, failure=Failure("ValueError", "no", "Traceback…"))
    (line,) = lines(Archive(tmp_path, "w1").keep([failed], now=0))
    assert line["state"] == "failed"
    assert line["failure"] == {"type": "ValueError", "message": "no", "traceback": "Traceback…"}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    assert Archive(tmp_path, "w1").keep([snapshot(id="a")], now=0).stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Archive(tmp_path / "file" / "folder", "w1").keep([snapshot(id="a")], now=0)
