"""Two empty stores of every ordered pair of kinds, both living by the `clock` fixture."""

from collections.abc import AsyncIterator, Callable, Iterable
from itertools import product
from typing import Any

import pytest

from tests.stores.places import KINDS
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing import FakeClock


def parameters(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """Make a parameter of each pair of kinds."""
    alone = {("sqlite", "sqlite")}
    return [pytest.param(pair, marks=() if pair in alone else pytest.mark.server, id="-".join(pair)) for pair in pairs]


PAIRS = parameters(product(KINDS, KINDS))

#: For what takes long: each kind as a source and as a target.
SOME_PAIRS = parameters([(KINDS[0], KINDS[0]), *zip(KINDS, (*KINDS[1:], KINDS[0]), strict=True)])


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The kinds of the source and the target."""
    made: tuple[str, str] = request.param
    return made


@pytest.fixture
async def open_at(clock: FakeClock) -> AsyncIterator[Callable[[str], Store]]:
    """Make the store of a URL; all are closed at the end."""
    opened: list[Store] = []

    def make(url: str) -> Store:
        opened.append(open_store(url, clock))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def urls(pair: tuple[str, str], new_place: Callable[[str], str], other_place: Callable[[str], str]) -> tuple[str, str]:
    """Where the jobs are, and where they are to be."""
    return new_place(pair[0]), other_place(pair[1])


@pytest.fixture
async def source(urls: tuple[str, str], open_at: Callable[[str], Store]) -> Store:
    """Where the jobs are."""
    store = open_at(urls[0])
    await store.open()
    return store


@pytest.fixture
async def target(urls: tuple[str, str], open_at: Callable[[str], Store]) -> Store:
    """Where they are to be."""
    store = open_at(urls[1])
    await store.open()
    return store
