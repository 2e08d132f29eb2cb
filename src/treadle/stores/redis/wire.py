"""How verbs reach the servers that keep the shards."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from treadle.stores.redis.connecting import connect, connect_to_primary
from treadle.stores.redis.errors import explained, word_of
from treadle.stores.redis.guides import Guides
from treadle.stores.redis.lines import Command, Lines, Word
from treadle.stores.redis.scripts import Script
from treadle.stores.redis.settings import Kind, RedisSettings


class Call(NamedTuple):
    """A verb with its arguments, for one shard."""

    script: Script
    shard: str
    words: Sequence[Word]

    def by_name(self) -> Command:
        """Say it to a server that has met the script."""
        return ("EVALSHA", self.script.sha, 1, self.shard, *self.words)

    def in_full(self) -> Command:
        """Say it to a server that has not."""
        return ("EVAL", self.script.text, 1, self.shard, *self.words)


class Wire(Protocol):
    """Belongs to one event loop."""

    async def send(self, calls: Sequence[Call], patience: float | None = None) -> list[Any]:
        """Make these calls in one round, each once, and give their answers in order. Raises StoreError."""
        ...

    async def command(self, *words: Word) -> list[Any]:
        """Give each server's answer to a command. Raises StoreError."""
        ...

    async def connect(self) -> AbstractConnection:
        """Make a connection to some server, for the caller alone. Raises the driver's errors, StoreError."""
        ...

    async def close(self) -> None: ...


class ServerWire:
    """To the one server: a fixed one, or who is the primary by the word of the sentinels."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        if settings.kind is Kind.SENTINEL:
            self._connect = partial(connect_to_primary, settings, Guides(settings.addresses))
        else:
            self._connect = partial(connect, settings, settings.addresses[0])
        self._lines = Lines(self._connect)

    async def send(self, calls: Sequence[Call], patience: float | None = None) -> list[Any]:
        with explained(self._settings):
            answers = await send_over(self._lines, calls, patience or self._settings.call_timeout)
            for answer in answers:
                if isinstance(answer, ResponseError):
                    await self._refuse(answer)
        return answers

    async def command(self, *words: Word) -> list[Any]:
        with explained(self._settings):
            answers = await self._lines.ask([words], self._settings.call_timeout)
            if isinstance(answers[0], ResponseError):
                raise answers[0]
        return answers

    async def connect(self) -> AbstractConnection:
        return await self._connect()

    async def close(self) -> None:
        await self._lines.close()

    async def _refuse(self, error: ResponseError) -> None:
        if word_of(error) == "READONLY":
            await self._lines.drop()  # a failover has made our primary a replica
        raise error


async def send_over(lines: Lines, calls: Sequence[Call], patience: float) -> list[Any]:
    """Make these calls on one server; a script that it has forgotten, or never met, is sent along."""
    answers = await lines.ask([call.by_name() for call in calls], patience)
    for place, answer in enumerate(answers):
        if isinstance(answer, NoScriptError):
            (answers[place],) = await lines.ask([calls[place].in_full()], patience)
    return answers
