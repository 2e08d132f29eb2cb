"""What may be passed to a task, what may be a task, and what may be wished of a job: all of it works or is refused
at the door with a sentence that names it."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, Optional, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel

from tests.engine.scene import found
from treadle import ConfigError, InvalidArguments, Retry, TooManyJobs, Treadle, Unique
from treadle.core.states import State


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


@dataclass
class Point:
    x: int
    marks: "list[str]" = field(default_factory=list)


class Options(TypedDict):
    size: int
    name: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Model(BaseModel):
    number: int
    when: datetime | None = None


class Callee:
    def __call__(self, x: int) -> int:
        return x

    def method(self, x: int) -> int:
        return x

    @staticmethod
    def static(x: int) -> int:
        return x


def anything(x: Any) -> Any:
    return [type(x).__name__, x]


def optional(x: Optional[int] = None, y: int | str = 3) -> list[Any]:  # noqa: UP045 - the old spelling is tested
    return [x, y]


def kinds(a: int, b: int = 2, /, c: int = 3, *, d: int, e: int = 5) -> list[int]:
    return [a, b, c, d, e]


def rest(a: int, **more: Any) -> list[Any]:
    return [a, more]


def mutable(x: list[int] = []) -> int:  # noqa: B006 - what people write
    return len(x)


def literal(x: Literal["a", "b"]) -> str:
    return x


def colour(x: Colour) -> bool:
    return x is Colour.RED


def level(x: Level) -> bool:
    return x is Level.LOW


def point(x: Point) -> Point:
    assert isinstance(x, Point)
    return Point(x.x + 1, [*x.marks, "seen"])


def options(x: Options) -> Options:
    return x


def pair(x: Pair) -> Pair:
    assert isinstance(x, Pair)
    return x


def model(x: Model) -> Model:
    assert isinstance(x, Model)
    return x


def models(x: list[Model], y: Model | None = None) -> list[Model]:
    return x if y is None else [*x, y]


def other_return() -> Point:
    return 5  # type: ignore[return-value]


async def double(x: int) -> int:
    return 2 * x


def _decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@_decorated
def decorated(x: int, y: str = "y") -> list[Any]:
    return [x, y]


@_decorated
async def decorated_async(x: int) -> int:
    return x


WHEN = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "result"),
    [
        (anything, ("a\0b",), {}, ["str", "a\0b"]),
        (anything, (2**64,), {}, ["int", 2**64]),
        (anything, (-(2**63),), {}, ["int", -(2**63)]),
        (anything, (10**400,), {}, ["int", 10**400]),
        (anything, ("é 🎉 \u202e",), {}, ["str", "é 🎉 \u202e"]),
        (anything, ({1: {"ä": None}},), {}, ["dict", {"1": {"ä": None}}]),
        (anything, (WHEN,), {}, ["str", "9999-12-31T23:59:00Z"]),
        (anything, (b"\xff",), {}, ["str", "/w=="]),
        (anything, ({1},), {}, ["list", [1]]),
        (anything, (Decimal("1.10"),), {}, ["str", "1.10"]),
        (anything, (UUID(int=1),), {}, ["str", "00000000-0000-0000-0000-000000000001"]),
        (anything, ("null",), {}, ["str", "null"]),
        (optional, (), {}, [None, 3]),
        (optional, (None, "s"), {}, [None, "s"]),
        (kinds, (1,), {"d": 4}, [1, 2, 3, 4, 5]),
        (kinds, (1, 7, 8), {"d": 4, "e": 9}, [1, 7, 8, 4, 9]),
        (rest, (1,), {"class": 2, "a b": 3}, [1, {"class": 2, "a b": 3}]),
        (mutable, (), {}, 0),
        (literal, ("b",), {}, "b"),
        (colour, (Colour.RED,), {}, True),
        (colour, ("red",), {}, True),
        (level, (Level.LOW,), {}, True),
        (point, (Point(1),), {}, Point(2, ["seen"])),
        (point, ({"x": 1},), {}, Point(2, ["seen"])),
        (options, ({"size": 1},), {}, {"size": 1}),
        (pair, (Pair(1),), {}, Pair(1)),
        (model, (Model(number=1, when=WHEN),), {}, Model(number=1, when=WHEN)),
        (models, ([Model(number=1)],), {"y": Model(number=2)}, [Model(number=1), Model(number=2)]),
        (other_return, (), {}, 5),
        (double, (4,), {}, 8),
        (functools.partial(optional, y=9), (1,), {}, [1, 9]),
        (functools.partial(double), (4,), {}, 8),
        (decorated, (1,), {}, [1, "y"]),
        (decorated_async, (1,), {}, 1),
        (Callee(), (1,), {}, 1),
        (Callee().method, (1,), {}, 1),
        (Callee.static, (1,), {}, 1),
        (lambda x: x, (1,), {}, 1),
        (len, ([1, 2],), {}, 2),
    ],
)
async def test_what_goes_in_comes_out(
    timeless: Treadle, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    job = await timeless.task("odd")(function).aenqueue(*args, **kwargs)
    await timeless.arun_until_idle()
    assert await job.aresult(0) == result


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def cyclic() -> list[Any]:
    knot: list[Any] = []
    knot.append(knot)
    return knot


NO_JSON = [
    ("\ud800", "cannot be written as JSON.*surrogates"),
    ({"\ud800": 1}, "cannot be written as JSON.*surrogates"),
    (deep(), "cannot be written as JSON.*recursion"),
    (cyclic(), "cannot be written as JSON.*recursion"),
    (object(), "object has no JSON form; pass an id"),
    (1j, "complex has no JSON form"),
    (Path("x"), "Path has no JSON form"),
    ({(1, 2): 3}, "tuple has no JSON form"),
]
NAMES = ["surrogate", "surrogate key", "deep", "cyclic", "object", "complex", "path", "tuple key"]


@pytest.mark.parametrize(("value", "told"), NO_JSON, ids=NAMES)
async def test_what_has_no_json_form_is_refused_when_it_is_enqueued(timeless: Treadle, value: Any, told: str) -> None:
    with pytest.raises(InvalidArguments, match=told):
        await timeless.task("odd")(anything).aenqueue(value)
    assert not any((await timeless.acount()).values())


@pytest.mark.parametrize(("value", "told"), NO_JSON, ids=NAMES)
async def test_a_result_that_has_no_json_form_fails_its_job_once_and_nobody_else(
    timeless: Treadle, value: Any, told: str
) -> None:
    job = await timeless.task("odd", retry=Retry(3, 0))(lambda: value).aenqueue()
    other = await timeless.task("other")(lambda: 1).aenqueue()
    await timeless.arun_until_idle()
    failed = await found(timeless.store, job.id)
    assert (failed.state, failed.attempt) == (State.FAILED, 1)
    assert await other.aresult(0) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [1, -math.inf]}, (1, math.nan), Point(math.nan)], ids=repr)  # type: ignore[arg-type]
async def test_what_is_no_number_never_becomes_none_on_its_way(timeless: Treadle, value: Any) -> None:
    with pytest.raises(InvalidArguments, match="NaN and infinity"):
        await timeless.task("odd")(anything).aenqueue(value)


async def test_in_a_result_what_is_no_number_is_null(timeless: Treadle) -> None:
    job = await timeless.task("odd")(lambda: [1, math.nan]).aenqueue()
    await timeless.arun_until_idle()
    assert await job.aresult(0) == [1, None]


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "told"),
    [
        (optional, ("x",), {}, "the argument 'x': expected `int | null`, got `str`"),
        (optional, (1, 2.5), {}, "the argument 'y': expected `int | str`"),
        (literal, ("c",), {}, "the argument 'x': invalid enum value 'c'"),
        (colour, ("blue",), {}, "the argument 'x': invalid enum value 'blue'"),
        (point, ({"x": "one"},), {}, "the argument 'x.x': expected `int`, got `str`"),
        (options, ({"name": "n"},), {}, "missing required field `size`"),
        (model, ({"number": "one"},), {}, "the argument 'x': 1 validation error for Model"),
        (double, (True,), {}, "expected `int`, got `bool`"),
        (kinds, (), {"d": 1}, "the argument 'a' is missing"),
        (kinds, (1,), {}, "the argument 'd' is missing"),
        (kinds, (1, 2, 3, 4), {"d": 1}, "takes 3 positional arguments, but 4 were given"),
        (kinds, (1,), {"a": 1, "d": 1}, "the argument 'a' was given twice"),
        (decorated, ("one",), {}, "the argument 'x': expected `int`"),
        (functools.partial(optional, y=9), ("x",), {}, "the argument 'x': expected `int | null`"),
    ],
)
async def test_a_wrong_argument_is_named(
    timeless: Treadle, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        await timeless.task("odd")(function).aenqueue(*args, **kwargs)
    assert told in str(refused.value)


# -- what may be a task --------------------------------------------------------------------


def unreadable(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def two_arrays(x: list[int] | set[int]) -> None: ...


def two_models(x: Point | Model) -> None: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (unreadable, "name 'Nowhere' is not defined"),
        (two_arrays, "more than one array-like"),
        (two_models, "Type unions"),
    ],
)
async def test_annotations_that_cannot_be_checked_are_said_at_the_first_call(
    timeless: Treadle, function: Any, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        await timeless.task("odd")(function).aenqueue(1)


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda app: app.task(Callee.method), "method is a method"),
        (lambda app: app.task("odd")(dict), "signature cannot be read"),
        (lambda app: app.task("odd")(lambda *args: None), "*args cannot be kept by name"),
        (lambda app: app.task("odd", context=True)(lambda: None), "first parameter receives the context"),
        (lambda app: app.task(Callee()), "has no name of its own"),
        (lambda app: app.task(functools.partial(double)), "has no name of its own"),
        (lambda app: app.task("odd")(app.task("once")(anything)), "is a task already"),
        (lambda app: (app.task(lambda: 1), app.task(lambda: 2)), "Two tasks are called '<lambda>'"),
        (lambda app: app.task("odd", unique=Unique("user_idd"))(lambda user_id: 1), "Did you mean 'user_id'?"),
        (lambda app: app.task("odd", retry=5)(anything), "must be a policy"),
        (lambda app: app.task("odd", timeout=timedelta(-1))(anything), "timedelta of zero or more"),
        (lambda app: app.task("odd", concurrency=5)(anything), "5 is no limit; give Limit(…)"),
        (lambda app: app.task("odd", max_attempts=5)(anything), "no option 'max_attempts'"),
        (lambda app: app.task("odd", queue="\ud800")(anything), "cannot name a queue"),
        *[
            (lambda app, name=name: app.task(name)(anything), "cannot name a task")
            for name in ("", " ", " a", "x" * 201, "a\nb", "\ud800", 5)
        ],
    ],
)
def test_what_cannot_be_a_task_is_said_where_it_is_declared(
    timeless: Treadle, declare: Callable[[Treadle], object], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        declare(timeless)
    assert told in str(refused.value)


async def test_a_function_of_a_function_is_as_good_as_any(timeless: Treadle) -> None:
    def make(factor: int) -> Callable[[int], int]:
        def times(x: int) -> int:
            return factor * x

        return times

    jobs = [await timeless.task(f"times {factor}")(make(factor)).aenqueue(7) for factor in (2, 3)]
    await timeless.arun_until_idle()
    assert [await job.aresult(0) for job in jobs] == [14, 21]


# -- what may be wished ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "value"),
    [
        *[(name, text) for name in ("id", "owner", "tenant", "batch") for text in ("", "x" * 201, "a\0", "\ud800", 5)],
        ("max_attempts", 0),
        ("max_attempts", 10**30),
        ("max_attempts", 2.5),
        ("priority", 101),
        ("run_after", math.inf),
        ("run_after", math.nan),
        ("run_after", "tomorrow"),
        ("run_after", datetime(2026, 1, 1)),
        ("expires", timedelta(-1)),
        ("expires", 5),
        ("queue", "nowhere"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_wish_that_cannot_be_is_refused(timeless: Treadle, wish: str, value: Any) -> None:
    with pytest.raises(InvalidArguments, match="odd: "):
        await timeless.task("odd")(anything).using(**{wish: value}).aenqueue(1)


@pytest.mark.parametrize("when", [-5, datetime(1, 1, 1, tzinfo=UTC), timedelta(-1)], ids=repr)
async def test_what_was_due_in_the_past_runs_now(timeless: Treadle, when: Any) -> None:
    job = await timeless.task("odd")(anything).using(run_after=when).aenqueue(1)
    await timeless.arun_until_idle()
    assert await job.aresult(0) == ["int", 1]


@pytest.mark.parametrize("when", [1e300, timedelta.max, datetime(9999, 12, 31, tzinfo=UTC)], ids=repr)
async def test_the_far_future_is_still_a_date(timeless: Treadle, when: Any) -> None:
    far = timeless.task("odd", result_ttl=timedelta.max)(anything).using(run_after=when, expires=timedelta.max)
    job = await far.aenqueue(1)
    waiting = await found(timeless.store, job.id)
    assert waiting.state is State.SCHEDULED
    assert waiting.due_at is not None
    assert waiting.expires_at is not None
    assert datetime.fromtimestamp(waiting.due_at / 1000, UTC).year > 9_000
    assert datetime.fromtimestamp(waiting.expires_at / 1000, UTC).year > 9_000


@pytest.mark.parametrize("id", ["é 🎉", "a/b?c=d#e", "..", "'; DROP TABLE treadle_job; --", "%s", "x" * 200])
async def test_an_id_may_look_odd(timeless: Treadle, id: str) -> None:
    job = await timeless.task("odd")(anything).using(id=id, owner=id, tenant=id, batch=id).aenqueue(1)
    await timeless.arun_until_idle()
    assert (await found(timeless.store, id)).owner == id
    assert await timeless.job(id).aresult(0) == await job.aresult(0) == ["int", 1]
    assert [snapshot.id for snapshot in (await timeless.ajobs(owner=id, batch=id)).items] == [id]


async def test_nothing_may_be_enqueued_at_once(timeless: Treadle) -> None:
    task = timeless.task("odd")(anything)
    assert await task.aenqueue_many([]) == []


async def test_more_than_a_store_should_be_held_up_for_is_refused(timeless: Treadle) -> None:
    task = timeless.task("odd")(anything)
    with pytest.raises(TooManyJobs, match="50,001 jobs are too many"):
        await task.aenqueue_many([{}] * 50_001)
    with pytest.raises(TooManyJobs):
        await timeless.aenqueue_many([task.call(1)] * 50_001)
