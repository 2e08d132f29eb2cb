"""Verbs without I/O: a generator gives one step after another and is sent what came of each.

So the same verb runs on a store's own connection and on a caller's, whether that is asynchronous or not.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")

Rows = Sequence[Sequence[Any]]


class Step(NamedTuple):
    """One statement, in its store's own style of parameters, with their values."""

    statement: str
    values: Sequence[Any] = ()


Steps = Generator[Step, Rows, T]


def take(steps: Generator[S, R, T], execute: Callable[[S], R]) -> T:
    """Take the steps one after another and answer what the verb gives; it hears of errors where it waits."""
    try:
        step = next(steps)
        while True:
            try:
                came = execute(step)
            except BaseException as error:  # noqa: BLE001 - the verb may clean up, and raises it again
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as end:
        answer: T = end.value
        return answer


async def atake(steps: Generator[S, R, T], execute: Callable[[S], Awaitable[R]]) -> T:
    """Take steps that are to be awaited."""
    try:
        step = next(steps)
        while True:
            try:
                came = await execute(step)
            except BaseException as error:  # noqa: BLE001 - the verb may clean up, and raises it again
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as end:
        answer: T = end.value
        return answer
