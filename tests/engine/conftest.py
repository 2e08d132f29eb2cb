"""An application on an empty file, and one whose store has a clock that the test moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.scene import url_of
from treadle import Treadle
from treadle.core.events import Event
from treadle.core.store import Store


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Treadle]:
    """An application that lives by the clock on the wall."""
    made = Treadle(url_of(tmp_path / "jobs.db"))
    yield made
    await made.store.close()


@pytest.fixture
def timeless(store: Store) -> Treadle:
    """An application whose store lives by the `clock` fixture."""
    return Treadle(store)


@pytest.fixture
def events(app: Treadle) -> list[Event]:
    """All that `app`'s workers tell."""
    told: list[Event] = []
    app.listeners.append(told.append)
    return told
