"""Redis, alone and as a cluster, beside SQLite: given the same verbs they say the same.

The model of `test_model.py` says what a store should do; this looks at all that there is to see: attempts, logs,
progress, listings by every filter, page by page, counts, workers, dumps. A failure prints the steps that led to it.
"""

import os
import random
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path

import pytest

from tests.servers.cluster import Cluster
from tests.servers.plugin import skipping
from tests.stores.redis.beside import Beside
from treadle.stores import open_store
from treadle.testing import FakeClock

pytestmark = pytest.mark.server

#: Raise the number of games after a change of a script: TREADLE_TEST_GAMES=1000.
GAMES, STEPS = int(os.environ.get("TREADLE_TEST_GAMES", "8")), 150


async def _play(url: str, folder: Path, clock: FakeClock, seed: int, *, scattered: bool) -> None:
    stores = (open_store(f"sqlite:///{folder / 'jobs.db'}?durability=fast", clock), open_store(url, clock))
    for store in stores:
        await store.open()
    beside = Beside(stores, clock, random.Random(seed), scattered=scattered)
    try:
        for _ in range(STEPS):
            await beside.play()
    except BaseException:
        print(*beside.steps, sep="\n")
        raise
    finally:
        for heart in chain(*beside.hearts.values()):
            heart.close()
        for store in stores:
            await store.close()


@pytest.mark.parametrize("seed", range(GAMES))
async def test_a_server_says_what_sqlite_says(
    redis_place: Callable[[], str], tmp_path: Path, clock: FakeClock, seed: int
) -> None:
    await _play(redis_place(), tmp_path, clock, seed, scattered=False)


@pytest.fixture(scope="module")
def cluster_place() -> Iterator[Callable[[], str]]:
    with skipping():
        servers = Cluster.start()
    hosts, numbers = ",".join(f"{host}:{port}" for host, port in servers.nodes), count()
    yield lambda: f"redis+cluster://{hosts}?prefix=game-{next(numbers)}"
    servers.close()


@pytest.mark.parametrize("seed", range(GAMES))
async def test_a_cluster_says_what_sqlite_says(
    cluster_place: Callable[[], str], tmp_path: Path, clock: FakeClock, seed: int
) -> None:
    await _play(cluster_place(), tmp_path, clock, seed, scattered=True)
