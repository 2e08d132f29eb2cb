"""How an attempt ends: one value for each way out of running, and the judge that picks it. Pure."""

from typing import NamedTuple

from treadle.core.errors import Cancel, Crashed, Discard, OutcomeUnknown, RetryLater, Skip, Snooze, TimedOut
from treadle.core.flow.gates import Park
from treadle.core.retry import Retry
from treadle.core.states import Reason, State

#: A job that took its worker down so often is quarantined, whatever its retry policy says.
CRASHES_ALLOWED = 3


class Outcome(NamedTuple):
    """Where a running job goes next, and what is kept of the attempt."""

    state: State
    reason: str | None = None
    outcome: str | None = None
    result: str | None = None
    error: str | None = None
    due_in: int = 0
    spends_attempt: bool = True
    crashed: bool = False
    """Counts one crash: the process that ran only this attempt died."""
    park: Park | None = None
    """What the other side said of everybody who asks it for the same key."""


def complete(result: str | None = None) -> Outcome:
    """It is done; `result` is JSON text."""
    return Outcome(State.COMPLETED, result=result)


def skip(why: str) -> Outcome:
    """There was nothing to do; counted apart."""
    return Outcome(State.COMPLETED, reason=why or None, outcome="skipped")


def retry(delay: int, error: str | None = None, reason: str = Reason.ERROR) -> Outcome:
    """Try again after `delay` milliseconds."""
    return Outcome(_later(delay), reason, error=error, due_in=delay)


def snooze(delay: int, reason: str | None = None) -> Outcome:
    """Come back after `delay` milliseconds; nobody failed."""
    return Outcome(_later(delay), reason, due_in=delay, spends_attempt=False)


def hand_back() -> Outcome:
    """This worker will not run it; let another have it now."""
    return Outcome(State.QUEUED, spends_attempt=False)


def hold(reason: str) -> Outcome:
    """Keep it aside until somebody releases it."""
    return Outcome(State.HELD, reason, spends_attempt=False)


def give_up(reason: str, error: str | None = None) -> Outcome:
    """It failed for good."""
    return Outcome(State.FAILED, reason, error=error)


def cancel(why: str | None = None) -> Outcome:
    """It was stopped on purpose."""
    return Outcome(State.CANCELLED, why)


def _later(delay: int) -> State:
    return State.SCHEDULED if delay > 0 else State.QUEUED


class Tries(NamedTuple):
    """What the judge must know of the job."""

    attempt: int
    max_attempts: int
    crashes: int = 0

    @property
    def spent(self) -> bool:
        return self.attempt >= self.max_attempts


def judge(tries: Tries, error: BaseException, policy: Retry, chance: float, described: str | None = None) -> Outcome:
    """Turn what a task raised into an outcome.

    `chance` in [0, 1) places the jitter; `described` is the error as JSON text, kept with the job.
    """
    match error:
        case Snooze(delay=delay):
            return snooze(delay)
        case RetryLater(after=after, park=park):
            return snooze(after, "retry_later")._replace(park=park)
        case Skip(why=why):
            return skip(why)
        case Discard() | OutcomeUnknown():
            return give_up(Reason.DISCARDED, described)
        case Cancel(why=why):
            return cancel(why or None)
        case Crashed():
            return _after_crash(tries, described)
    reason = Reason.TIMEOUT if isinstance(error, TimedOut) else Reason.ERROR
    if tries.spent or not policy.covers(error):
        return give_up(reason, described)
    return retry(policy.delay(tries.attempt, error, chance), described, reason)


def _after_crash(tries: Tries, described: str | None) -> Outcome:
    # The death of a process says little about the job, so its retry policy is not asked; only repetition tells.
    if tries.crashes >= CRASHES_ALLOWED:
        return give_up(Reason.CRASHED, described)
    return retry(0, described, Reason.CRASHED)
