"""The session's servers as fixtures: started at first use, one of each, stopped at the end however it comes.

A server that the environment names comes first, then what is installed, then the wheels; else the test is skipped.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.given import GivenPostgres, GivenValkey
from tests.servers.postgres import Postgres
from tests.servers.server import MissingServer
from tests.servers.valkey import Valkey


@contextmanager
def skipping() -> Iterator[None]:
    """Skip the test if a server that the block starts is not installed here."""
    if os.name == "nt":
        pytest.skip("not on this platform: signals and sockets of Unix are what these servers are steered by")
    try:
        yield
    except MissingServer as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | GivenPostgres]:
    """A PostgreSQL that is careless of crashes; make a database of your own in it."""
    if given := GivenPostgres.named():
        yield given
        return
    with skipping():
        server = Postgres.start()
    with server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey | GivenValkey]:
    """A Valkey or Redis that keeps nothing on disk; use keys or a database of your own in it."""
    if given := GivenValkey.named():
        yield given
        return
    with skipping():
        server = Valkey.start()
    with server:
        yield server
