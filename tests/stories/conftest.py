"""A folder for each story: its database, its history, and the processes that act in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.stories.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Where a story plays; whoever still acts at its end is killed."""
    made = Stage(tmp_path)
    yield made
    made.clear()


@pytest.fixture
async def close(stage: Stage) -> AsyncIterator[None]:
    """Close the store that the test itself has looked into."""
    yield
    await stage.app.store.close()
