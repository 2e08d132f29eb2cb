"""
TreadleError
├── ConfigError              fix the settings
│   └── MissingExtra         install something
├── UnknownTask              this application has no such task
├── InvalidArguments         the call does not fit the task's signature
├── PayloadTooLarge          pass an id instead of the object
├── TooManyJobs              enqueue them in several calls
├── DuplicateJob             a live job holds the unique key, and the task said "raise"
├── BudgetSpent              ctx.spend would break a budget's cap
├── NotDone                  said by `resolve=` of ctx.once: the effect has not happened
├── OutcomeUnknown           an effect may or may not have happened; nobody can tell
├── JobNotFound              no job has this id (any more)
├── JobNotDone               result(timeout=…) ran out; the job goes on
├── JobFailed                the job ended failed or cancelled; says why
├── ResultExpired            the job completed, but its result's time to live has passed
├── StoreError               the store refused; a sentence says what to mend
│   ├── StoreUnavailable     try again; the store did not answer
│   └── MissingDriver        a MissingExtra too: the library that speaks to the store
└── raised by tasks, to say how an attempt ends
    ├── Snooze               come back later, nobody failed
    ├── RetryLater           the other side said when; no attempt is spent
    ├── Skip                 nothing to do: completed, counted apart
    ├── Discard              retrying cannot help: failed now
    └── Cancel               stop here: cancelled

Told to a running task: ``Stopped`` (cancelled or its claim lost) and ``SoftTimeout``.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from treadle.core.flow.gates import Park


class TreadleError(Exception):
    """Everything that Treadle raises on purpose."""


class ConfigError(TreadleError):
    """A setting, a URL or a declaration cannot work as written."""


class MissingExtra(ConfigError):
    """A part of Treadle is used whose libraries are not installed."""

    def __init__(self, extra: str, library: str, what: str = "This") -> None:
        self.extra, self.library = extra, library
        super().__init__(f"{what} needs {library}, which is not installed. Run: pip install 'treadle[{extra}]'")


class UnknownTask(TreadleError):
    """The application has no task of this name."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        from difflib import get_close_matches  # needs `re`, and that only where something is wrong

        self.name, self.known = name, known
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else " Is its module imported, its pack included?"
        super().__init__(f"No task is called {name!r} here.{hint}")


class InvalidArguments(TreadleError):
    """The arguments do not fit the task's signature; names the argument."""

    def __init__(self, task: str, detail: str) -> None:
        self.task, self.detail = task, detail
        super().__init__(f"{task}: {detail}")


class PayloadTooLarge(TreadleError):
    """Arguments or a result are larger than the settled limit."""

    def __init__(self, task: str, what: str, size: int, limit: int) -> None:
        self.task, self.size, self.limit = task, size, limit
        super().__init__(
            f"{task}: the {what} take {size:,} bytes of JSON; the limit is {limit:,}."
            " Store the object and pass its id, or raise the limit in the settings."
        )


class TooManyJobs(TreadleError):
    """One call would enqueue more jobs than one transaction should hold the store up for."""

    def __init__(self, number: int, most: int) -> None:
        self.number, self.most = number, most
        super().__init__(
            f"{number:,} jobs are too many for one call, which is one transaction; {most:,} are the most."
            " Enqueue them in several calls."
        )


class DuplicateJob(TreadleError):
    """A live job already holds this unique key."""

    def __init__(self, task: str, key: str, holder: str) -> None:
        self.task, self.key, self.holder = task, key, holder
        super().__init__(f"{task}: job {holder} is still live with the unique key {key!r}.")


class BudgetSpent(TreadleError):
    """A budget has not so much left: do not spend it. Raise Snooze(error.after) to come back in its next window."""

    def __init__(self, unit: str, units: object, gate: str, after: float) -> None:
        self.unit, self.units, self.gate, self.after = unit, units, gate, after
        super().__init__(
            f"{gate} has not {units} {unit} left; its next window begins in {after:,.0f} s."
            " Nothing was spent: `raise Snooze(error.after)` to come back then."
        )


class NotDone(TreadleError):
    """Raise this in `resolve=` of `ctx.once`: the effect has not happened, so it may be tried."""


class OutcomeUnknown(TreadleError):
    """An effect was begun, and whether it happened is not known. Retrying could do it twice, so the job fails.

    Raise it yourself inside `ctx.once` where a call ran into its time limit and may have worked all the same.
    """

    def __init__(self, key: str, why: str = "") -> None:
        self.key = key
        super().__init__(
            why
            or f"{key!r} was begun by an attempt that did not live to say how it ended. Give ctx.once a `resolve=`"
            " that finds out: it returns the result, or raises NotDone."
        )


class JobNotFound(TreadleError):
    """No job has this id; it may have been purged."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"No job has the id {id!r}. It may have been purged; `treadle job list` shows those kept.")


class JobNotDone(TreadleError, TimeoutError):
    """The time given to wait for a result ran out; the job goes on."""

    def __init__(self, id: str, state: str, timeout: float) -> None:
        self.id, self.state = id, state
        super().__init__(f"Job {id} is still {state} after {timeout:g} s. Is a worker running for its queue?")


class JobFailed(TreadleError):
    """The job whose result was asked for ended failed or cancelled."""

    def __init__(self, id: str, state: str, detail: str) -> None:
        self.id, self.state, self.detail = id, state, detail
        super().__init__(f"Job {id} ended {state}: {detail}" if detail else f"Job {id} ended {state}.")


class ResultExpired(TreadleError):
    """The job completed, but its result was kept only for its time to live."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"The result of job {id} was kept for its time to live and is gone; see result_ttl.")


class StoreError(TreadleError):
    """The store refused a call for a reason that trying again does not mend."""


class StoreUnavailable(StoreError):
    """The store did not answer; the same call may go through later."""


class MissingDriver(MissingExtra, StoreError):
    """The library that speaks to the chosen store is not installed."""


def _seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


class Snooze(TreadleError):
    """Come back after `delay` (seconds or a timedelta); nobody failed, no attempt is spent."""

    def __init__(self, delay: float | timedelta) -> None:
        self.delay = round(_seconds(delay) * 1000)
        super().__init__(f"snoozed for {self.delay / 1000:g} s")


class RetryLater(TreadleError):
    """Try again `after` (seconds or a timedelta) because the other side said so; no attempt is spent.

    All jobs that share a rate limit with this one, or else a concurrency key, wait as long. `park` says more of it, as
    `pace_from` (`treadle.core.pace`) reads it from the other side's headers.
    """

    def __init__(self, after: float | timedelta, park: Park | None = None) -> None:
        self.after = round(_seconds(after) * 1000)
        self.park = park or Park(self.after)
        super().__init__(f"told to try again after {self.after / 1000:g} s")

    @classmethod
    def told(cls, headers: "Mapping[str, str]", otherwise: float = 60) -> "RetryLater":
        """Make it of a response's headers; `otherwise`: the seconds where they say nothing (`treadle.core.pace`)."""
        import time

        from treadle.core.pace import pace_from

        usual = round(otherwise * 1000)
        told = pace_from(headers, time.time()) or Park(usual)
        # Refused although the headers know of more that is left: when their window ends there is more.
        wait = told.wait or min(usual, told.spaced_for)
        return cls(wait / 1000, told._replace(wait=wait))


class Skip(TreadleError):
    """There was nothing to do: the job is completed with the outcome *skipped*."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "skipped")


class Discard(TreadleError):
    """Retrying cannot help: the job fails now, whatever its retry policy says."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "discarded")


class Cancel(TreadleError):
    """End this job as cancelled."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "cancelled")


class Stopped(TreadleError):
    """Raised by `ctx.check()`: the job was asked to stop, or this worker no longer holds it."""


class SoftTimeout(TreadleError):
    """Raised inside a task at its soft timeout, so that it may still put things in order."""


class TimedOut(TreadleError):
    """An attempt ran longer than its task's timeout."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the attempt ran longer than its timeout of {limit / 1000:g} s")


class Crashed(TreadleError):
    """The process that ran the attempt died."""
