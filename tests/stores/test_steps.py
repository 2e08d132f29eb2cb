"""Verbs without I/O give their steps to whoever takes them, now or soon, and hear what came of each."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from treadle.stores.steps import atake, take

Verb = Generator[str, int, str]
Take = Callable[[Verb, Callable[[str], int]], Coroutine[Any, Any, str]]


async def now(steps: Verb, execute: Callable[[str], int]) -> str:
    return take(steps, execute)


async def soon(steps: Verb, execute: Callable[[str], int]) -> str:
    async def later(step: str) -> int:
        await asyncio.sleep(0)
        return execute(step)

    return await atake(steps, later)


both = pytest.mark.parametrize("taking", [now, soon])


@both
async def test_a_verb_is_sent_what_came_of_each_step_and_its_answer_is_given(taking: Take) -> None:
    def verb() -> Verb:
        return f"{(yield 'a')} then {(yield 'bb')}"

    assert await taking(verb(), len) == "1 then 2"


@both
async def test_a_verb_without_steps_asks_nothing(taking: Take) -> None:
    def verb() -> Verb:
        yield from ()
        return "nothing to do"

    assert await taking(verb(), lambda _: pytest.fail("it was asked")) == "nothing to do"


@both
async def test_a_verb_hears_of_an_error_where_it_waits_and_may_go_on(taking: Take) -> None:
    def verb() -> Verb:
        try:
            yield "fails"
        except ValueError as error:
            return f"{error}, so {(yield 'ok')}"
        return "never"

    def execute(step: str) -> int:
        if step == "fails":
            raise ValueError("it failed")
        return 7

    assert await taking(verb(), execute) == "it failed, so 7"


@both
async def test_an_error_that_a_verb_does_not_handle_reaches_the_caller_after_it_has_cleaned_up(taking: Take) -> None:
    seen: list[str] = []

    def verb() -> Verb:
        try:
            yield "fails"
        finally:
            seen.append("cleaned up")
        return "never"

    def execute(step: str) -> int:
        seen.append(step)
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        await taking(verb(), execute)
    assert seen == ["fails", "cleaned up"]


@both
async def test_a_verbs_own_error_ends_it(taking: Take) -> None:
    def verb() -> Verb:
        yield "a"
        raise LookupError("no such job")

    with pytest.raises(LookupError, match="no such job"):
        await taking(verb(), len)


async def test_a_cancelled_caller_lets_the_verb_clean_up() -> None:
    seen, begun = list[str](), asyncio.Event()

    def verb() -> Verb:
        try:
            yield "a"
        finally:
            seen.append("cleaned up")
        return "never"

    def wait_for_ever(_: str) -> Awaitable[int]:
        begun.set()
        return asyncio.get_running_loop().create_future()

    taking = asyncio.create_task(atake(verb(), wait_for_ever))
    await begun.wait()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert seen == ["cleaned up"]
