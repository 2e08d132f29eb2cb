"""Commands run in a folder of their own, with none of the caller's settings."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.acting import Answer, Cli
from treadle.cli.root import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder; what a command puts into the environment or the logging goes when the test ends."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TREADLE_")]:
        monkeypatch.delenv(name)
    for name in ("TREADLE_STORE", "TREADLE_OUTBOX", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "")
    return tmp_path


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command in this process."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        return Answer(int(code), said.out, said.err)

    return call


@pytest.fixture
def process(here: Path) -> Iterator[Cli]:
    """Run commands as processes of their own; those that still live at the end are killed."""
    started = Cli(here)
    yield started
    started.kill_all()
