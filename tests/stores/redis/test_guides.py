"""Whom to ask the way, and how long one who is silent is waited for."""

import asyncio
from collections.abc import Collection

import pytest

from treadle.core.errors import StoreError
from treadle.stores.redis.guides import Guides
from treadle.stores.redis.settings import Address

A, B, C, D = (Address(name, 1) for name in "abcd")


class Village:
    """Some of whom answer with their name; the others are silent, away (an error), or know nothing (None)."""

    def __init__(self, silent: Collection[Address] = (), **others: Exception | None) -> None:
        self.silent, self.others = set(silent), others
        self.asked: list[Address] = []
        self.waiting = 0

    async def ask(self, address: Address) -> Address | None:
        self.asked.append(address)
        if address in self.silent:
            self.waiting += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.waiting -= 1
        answer = self.others.get(address.host, address)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_who_answers_at_once_is_the_only_one_asked() -> None:
    guides, village = Guides([A, B, C]), Village()
    assert [await guides.ask(village.ask), await guides.ask(village.ask)] == [A, A]
    assert village.asked == [A, A]


async def test_the_silent_are_passed_over_and_asked_last_from_then_on() -> None:
    guides, village = Guides([A, B, C, D]), Village([A, B])
    assert await guides.ask(village.ask) == C
    assert (village.asked, village.waiting) == ([A, B, C], 0)
    village.silent, village.asked = {C, D}, []
    assert await guides.ask(village.ask) == A
    assert village.asked == [C, D, A]


async def test_the_next_is_asked_at_once_if_one_is_away_or_knows_nothing() -> None:
    guides, village = Guides([A, B, C, D]), Village(a=ConnectionRefusedError(), b=None)
    assert await guides.ask(village.ask) == C
    assert await guides.ask(village.ask) == C
    assert village.asked == [A, B, C, C]


async def test_if_nobody_knows_that_is_the_answer_unless_one_could_not_say() -> None:
    assert await Guides([A, B]).ask(Village(a=None, b=None).ask) is None
    with pytest.raises(TimeoutError, match="too late"):
        await Guides([A, B]).ask(Village(a=TimeoutError("too late"), b=None).ask)


async def test_an_answer_that_is_wrong_is_not_looked_for_elsewhere() -> None:
    village = Village([A], b=StoreError("no sentinel"))
    with pytest.raises(StoreError, match="no sentinel"):
        await Guides([A, B, C]).ask(village.ask)
    assert (village.asked, village.waiting) == ([A, B], 0)


async def test_who_asks_no_longer_leaves_nobody_waiting_and_begins_elsewhere() -> None:
    guides, village = Guides([A, B, C]), Village([A, B, C])
    asking = asyncio.ensure_future(guides.ask(village.ask))
    while village.waiting < 2:
        await asyncio.wait([asking], timeout=0.01)
    asking.cancel()
    await asyncio.wait([asking])
    assert (asking.cancelled(), village.waiting) == (True, 0)
    village.silent, village.asked = set(), []
    assert await guides.ask(village.ask) == C


async def test_only_those_who_are_there_are_known() -> None:
    guides = Guides([A, B])
    assert await guides.ask(Village(a=None).ask) == B
    guides.keep([D, C, B])
    village = Village(b=None, c=None, d=None)
    assert await guides.ask(village.ask) is None
    assert village.asked == [B, D, C]
