"""From what an attempt returned or raised to its outcome; the same in the worker and in a child process."""

import random

from treadle.core.errors import Cancel, Crashed, InvalidArguments, RetryLater, Skip, Snooze
from treadle.core.flow.gates import Park
from treadle.core.job import Claim
from treadle.core.outcomes import Outcome, Tries, cancel, complete, give_up, hand_back, judge
from treadle.core.plain import plain
from treadle.core.states import Reason
from treadle.engine.attempt import Asked, ShuttingDown
from treadle.engine.faults import describe
from treadle.engine.work import Work

#: Said on purpose by a task; a traceback would only be noise.
SPOKEN = (Snooze, RetryLater, Skip, Cancel)

#: Characters of a reason that are kept, and milliseconds for which a job may snooze at most: a hundred years.
LONGEST_REASON, LONGEST_SNOOZE = 500, 100 * 366 * 24 * 3600 * 1000


def returned(work: Work, value: object) -> Outcome:
    """Conclude an attempt that came to its end."""
    try:
        return complete(work.encode(value))
    except Exception as error:  # noqa: BLE001 - a value may have an encoder of its own
        return give_up(Reason.ERROR, describe(error))  # the next attempt would return the same


def raised(work: Work, claim: Claim, error: BaseException) -> Outcome:
    """Conclude an attempt that raised, or was stopped for this reason."""
    match error:
        case Asked():
            return cancel("operator")
        case ShuttingDown():
            return hand_back()
        case InvalidArguments():
            return give_up(Reason.ERROR, describe(error))  # the code has changed; the arguments will not
    told = None if isinstance(error, SPOKEN) else describe(error)
    died = isinstance(error, Crashed)  # of a child process: nobody takes over, so it is counted here
    tries = Tries(claim.attempt, claim.max_attempts, claim.crashes + died)
    try:
        return _storable(judge(tries, error, work.retry, random.random(), told))._replace(crashed=died)
    except Exception as broken:  # noqa: BLE001 - a retry policy may be a function of the user's
        return give_up(Reason.ERROR, describe(broken))


def _storable(outcome: Outcome) -> Outcome:
    """Bound what a task said of its own ending: one that no store takes would hold up all others."""
    why = None if outcome.reason is None else plain(str(outcome.reason)[:LONGEST_REASON])
    return outcome._replace(reason=why, due_in=min(outcome.due_in, LONGEST_SNOOZE), park=_bounded(outcome.park))


def _bounded(told: Park | None) -> Park | None:
    if told is None:
        return None
    wait, spacing, spaced_for = (max(0, min(int(each), LONGEST_SNOOZE)) for each in told)
    return Park(wait, spacing, spaced_for)
