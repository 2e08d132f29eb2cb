"""Every error is one sentence and one exit code."""

import json
from collections.abc import Callable

import click
import pytest

from tests.cli.acting import Answer
from treadle import ConfigError, DuplicateJob, JobFailed, JobNotFound, MissingExtra, StoreUnavailable, UnknownTask
from treadle.cli.exits import Conflict, complaint, is_bug
from treadle.cli.root import treadle


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (JobFailed("1", "failed", "no"), 1, "failed"),
        (OSError(28, "No space left on device"), 1, "failed"),
        (ConfigError("no"), 2, "usage"),
        (MissingExtra("mail", "selectolax"), 2, "usage"),
        (UnknownTask("a", ["b"]), 2, "usage"),
        (click.UsageError("no"), 2, "usage"),
        (JobNotFound("1"), 3, "not_found"),
        (Conflict("no"), 4, "conflict"),
        (DuplicateJob("a", "b", "c"), 4, "conflict"),
        (StoreUnavailable("no"), 5, "store_unreachable"),
        (ExceptionGroup("a worker's tasks", [StoreUnavailable("no")]), 5, "store_unreachable"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (ZeroDivisionError("no"), 1, "bug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_an_error_has_an_exit_code_and_a_word(error: BaseException, code: int, word: str) -> None:
    found = complaint(error)
    assert (found.exit, found.code) == (code, word)
    assert is_bug(found) == (word == "bug")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst() -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setitem(treadle.commands, "burst", click.Command("burst", callback=burst))


@pytest.mark.usefixtures("broken")
def test_what_nobody_foresaw_is_a_sentence_without_a_traceback(cli: Callable[..., Answer]) -> None:
    answer = cli("burst")
    assert (answer.code, answer.out) == (1, "")
    assert len(answer.err.splitlines()) == 1
    assert "ZeroDivisionError: unforeseen. This is a bug in Treadle" in answer.err


@pytest.mark.usefixtures("broken")
def test_the_traceback_is_shown_to_those_who_ask(cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback" in cli("--verbose", "burst").err
    monkeypatch.setenv("TREADLE_DEBUG", "1")
    assert "Traceback" in cli("burst").err


def test_with_json_an_error_is_a_document(cli: Callable[..., Answer]) -> None:
    answer = cli("job", "list", "--json", "--state", "asleep")
    assert (answer.code, answer.out) == (2, "")
    assert json.loads(answer.err)["error"]["code"] == "usage"
    assert "asleep" in answer.error["message"]


def test_a_setting_that_is_none_is_named_in_one_line(
    cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_LEES", "5s")
    answer = cli("job", "list")
    assert "treadle: TREADLE_LEES is not a setting of Treadle. Did you mean TREADLE_LEASE?" in answer.err.splitlines()
