"""Servers that somebody else runs, named in the environment. A test that would have to kill one is skipped."""

import os
from typing import NoReturn, Self
from urllib.parse import quote, urlsplit

import pytest

from tests.servers import postgres, valkey


class Given:
    """A server that is not ours."""

    variable: str

    def __init__(self, url: str) -> None:
        self._url = url

    @classmethod
    def named(cls) -> Self | None:
        """Take the server that the environment names, if it does."""
        url = os.environ.get(cls.variable)
        return cls(url) if url else None

    def kill(self) -> NoReturn:
        """Skip the test that wants to."""
        pytest.skip(f"this test kills, stops or freezes its server, and that of {self.variable} is not ours; unset it")

    stop = restart = launch = freeze = thaw = kill

    @property
    def pid(self) -> int:
        self.kill()


class GivenPostgres(Given):
    """A PostgreSQL that is not ours. Its user must be allowed to create databases."""

    variable = "TREADLE_TEST_POSTGRES_URL"

    def url(self, database: str | None = None, *, tcp: bool = False) -> str:
        """Say where a database is, the one that was given if none is named; `tcp` or not is as it was given."""
        if database is None:
            return self._url
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}/{quote(database, safe='')}{asking(parts.query)}"

    @property
    def version(self) -> tuple[int, ...]:
        import psycopg

        with psycopg.connect(self._url, connect_timeout=10) as connection:
            return divmod(connection.info.server_version, 10_000)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of another that nobody is connected to; answer its URL."""
        postgres.create_database(self._url, name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and throw out whoever is connected, if it is there."""
        postgres.drop_database(self._url, name)


class GivenValkey(Given):
    """A Valkey or Redis that is not ours."""

    variable = "TREADLE_TEST_REDIS_URL"

    def url(self, db: int | None = None, *, tcp: bool = False) -> str:
        """Say where a database is, the one that was given if none is named; `tcp` or not is as it was given."""
        if db is None:
            return self._url
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            return f"unix://{parts.netloc}{parts.path}?db={db}"
        return f"{parts.scheme}://{parts.netloc}/{db}{asking(parts.query)}"

    @property
    def version(self) -> tuple[int, ...]:
        with valkey.client_of(self._url) as client:
            told = client.info("server")
        return tuple(int(number) for number in told.get("valkey_version", told["redis_version"]).split("."))


def asking(query: str) -> str:
    return f"?{query}" if query else ""
