"""The file, its URL, and actors in other processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.sqlite.playing import Actor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the job database is, or will be."""
    return tmp_path / "jobs.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def play() -> Iterator[Callable[..., Actor]]:
    """Start actors; those that still act at the end are killed."""
    actors: list[Actor] = []

    def _play(act: str, *words: str) -> Actor:
        actors.append(Actor(act, *words))
        return actors[-1]

    yield _play
    for actor in actors:
        actor.close()
