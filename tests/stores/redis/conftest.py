"""Servers that these tests stop, freeze and restart: their own, each of the kinds that are installed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import valkey as module
from tests.servers.plugin import skipping
from tests.servers.server import MissingServer
from tests.servers.valkey import Valkey, find_all

INSTALLED: list[Path | None] = [*find_all()]

Start = Callable[..., Valkey]


@pytest.fixture(params=INSTALLED or [None], ids=lambda program: program and program.name)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start servers that end with the test; once on Redis and once on Valkey, if both are installed."""
    servers: list[Valkey] = []

    def _start(**wishes: Any) -> Valkey:
        with skipping():
            if request.param is None:
                raise MissingServer(module.MISSING)
            servers.append(Valkey.start(tmp_path, binary=request.param, **wishes))
        return servers[-1]

    yield _start
    for server in servers:
        server.close()


@pytest.fixture
def server(start: Start) -> Valkey:
    """A server that loses nothing that it has answered."""
    return start(aof="always")
