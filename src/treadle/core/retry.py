"""When to try again: policies as data, delays as pure functions. Milliseconds inside, seconds at the door."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from treadle.core.errors import ConfigError

Seconds = float | timedelta

#: No delay is longer, whatever a policy computes.
LONGEST = 30 * 24 * 3600 * 1000


def milliseconds(value: Seconds) -> int:
    """Turn seconds or a timedelta into whole milliseconds."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return round(seconds * 1000)


class Backoff(Protocol):
    """How long to wait before retry number 1, 2, 3…"""

    def __call__(self, number: int, error: BaseException) -> Seconds: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same wait."""

    seconds: Seconds

    def __call__(self, number: int, error: BaseException) -> Seconds:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Exponential:
    """`base`, `base * factor`, `base * factor ** 2`… seconds, at most `cap`."""

    base: Seconds = 60
    factor: float = 2.0
    cap: Seconds = 24 * 3600

    def __call__(self, number: int, error: BaseException) -> Seconds:
        base, cap = milliseconds(self.base) / 1000, milliseconds(self.cap) / 1000
        try:
            return min(base * self.factor ** (number - 1), cap)
        except OverflowError:  # a power that no float holds is longer than anybody waits
            return cap if base else 0.0


@dataclass(frozen=True, slots=True)
class Listed:
    """These waits in turn; the last one repeats."""

    delays: tuple[Seconds, ...]

    def __call__(self, number: int, error: BaseException) -> Seconds:
        return self.delays[min(number, len(self.delays)) - 1]


Delays = Seconds | Sequence[Seconds] | Backoff | Callable[[int, BaseException], Seconds]


def _backoff(delays: Delays) -> Callable[[int, BaseException], Seconds]:
    if callable(delays):
        return delays
    if isinstance(delays, (int, float, timedelta)):
        return Fixed(delays)
    if not delays:
        raise ConfigError("Retry: the list of delays is empty; give at least one number of seconds.")
    return Listed(tuple(delays))


class Retry:
    """How often and when a failed attempt is tried again.

    `times` counts retries: 3 means at most four attempts. `backoff` is seconds, a list of seconds, a
    policy such as `Exponential(60)`, or a function of (retry number, error) that gives seconds.
    `jitter` lengthens each wait by up to that share, at random. An error is tried again if it is one of
    `retry_on` and none of `give_up_on`.
    """

    __slots__ = ("_backoff", "give_up_on", "jitter", "retry_on", "times")

    def __init__(
        self,
        times: int = 3,
        backoff: Delays | None = None,
        *,
        jitter: float = 0.1,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
        give_up_on: tuple[type[BaseException], ...] = (),
    ) -> None:
        if times < 0:
            raise ConfigError(f"Retry: times={times} cannot be negative; 0 means never try again.")
        if not 0 <= jitter <= 1:
            raise ConfigError(f"Retry: jitter={jitter} must lie between 0 and 1.")
        self.times, self.jitter = times, jitter
        self.retry_on, self.give_up_on = retry_on, give_up_on
        self._backoff = _backoff(Exponential(60) if backoff is None else backoff)

    @property
    def attempts(self) -> int:
        """How many attempts that makes in all."""
        return self.times + 1

    def covers(self, error: BaseException) -> bool:
        """Say whether this error is worth another attempt."""
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on)

    def delay(self, number: int, error: BaseException, chance: float) -> int:
        """Compute the milliseconds before retry `number` (1, 2, …); `chance` in [0, 1) places the jitter."""
        told = self._backoff(max(number, 1), error)
        seconds = told.total_seconds() if isinstance(told, timedelta) else told
        # Bounded before it is rounded: a function may well compute infinity.
        return round(max(0.0, min(LONGEST, seconds * 1000 * (1 + self.jitter * chance))))

    def __repr__(self) -> str:
        return f"Retry({self.times}, {self._backoff!r})"


#: Fail at once and leave it to the next schedule or the operator (ACCEPTANCE S2.06).
NEVER = Retry(0)

#: What a task gets that wishes nothing: three retries after 60, 120, 240 s (ACCEPTANCE X6).
DEFAULT = Retry()
