"""What every store promises, as tests that any store can run. A store without them does not ship.

A fourth store runs the whole suite in ten lines, with pytest and pytest-asyncio (`asyncio_mode = "auto"`)::

    import pytest
    from treadle.testing import FakeClock
    from treadle.testing.contract import *

    @pytest.fixture
    def clock():
        return FakeClock()

    @pytest.fixture
    async def store(clock):
        store = MyStore("my://…", clock)
        await store.open()
        yield store
        await store.close()

The store begins empty for each test and takes `clock` for its own clock. The names P1, P2… are those of
the list of promises that the project keeps.
"""

import pytest

_PARTS = (
    "adding",
    "claiming",
    "settling",
    "beating",
    "sweeping",
    "steering",
    "looking",
    "moving",
    "records",
    "hints",
    "moves",
    "unique",
    "gates",
    "budgets",
    "opening",
    "turns",
    "lines",
    "steer",
    "retaining",
)
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

# ruff: noqa: E402, F403
from treadle.testing.contract.adding import *
from treadle.testing.contract.beating import *
from treadle.testing.contract.budgets import *
from treadle.testing.contract.claiming import *
from treadle.testing.contract.gates import *
from treadle.testing.contract.hints import *
from treadle.testing.contract.lines import *
from treadle.testing.contract.looking import *
from treadle.testing.contract.moves import *
from treadle.testing.contract.moving import *
from treadle.testing.contract.opening import *
from treadle.testing.contract.records import *
from treadle.testing.contract.retaining import *
from treadle.testing.contract.scene import hire as hire
from treadle.testing.contract.settling import *
from treadle.testing.contract.steer import *
from treadle.testing.contract.steering import *
from treadle.testing.contract.sweeping import *
from treadle.testing.contract.turns import *
from treadle.testing.contract.unique import *
