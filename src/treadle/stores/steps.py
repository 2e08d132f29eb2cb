"""Verbs without I/O: a generator gives one statement after another and is sent the rows of each.

So the same verb runs on a store's own connection and on a caller's, whether that is asynchronous or not.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Rows = Sequence[Sequence[Any]]


class Step(NamedTuple):
    """One statement, in its store's own style of parameters, with their values."""

    statement: str
    values: Sequence[Any] = ()


Steps = Generator[Step, Rows, T]


def take(steps: Steps[T], execute: Callable[[Step], Rows]) -> T:
    """Take the steps one after another and answer what the verb gives."""
    try:
        step = next(steps)
        while True:
            step = steps.send(execute(step))
    except StopIteration as end:
        answer: T = end.value
        return answer


async def atake(steps: Steps[T], execute: Callable[[Step], Awaitable[Rows]]) -> T:
    """Take the steps on an asynchronous connection."""
    try:
        step = next(steps)
        while True:
            step = steps.send(await execute(step))
    except StopIteration as end:
        answer: T = end.value
        return answer
