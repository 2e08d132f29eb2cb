"""When running attempts must stop: one look over all of them a few times a second instead of a timer for each."""

from collections.abc import Callable, Iterable

from treadle.core.errors import SoftTimeout, TimedOut
from treadle.engine.attempt import Attempt

#: Seconds that a child process may take to start before that counts as its job's time.
STARTING = 60.0


def set_deadlines(attempt: Attempt, now: float, *, begun: bool = True) -> None:
    """Note when this attempt will have used up its time; `now` in seconds.

    Before its code has begun (a child process starts first) nobody is there to hear of a soft timeout.
    """
    work = attempt.work
    if work.timeout:
        attempt.deadline = now + work.timeout / 1000 + (0 if begun else STARTING)
    if work.soft_timeout and begun:
        attempt.soft_deadline = now + work.soft_timeout / 1000


def check_deadlines(
    running: Iterable[Attempt],
    now: float,
    *,
    warn: Callable[[Attempt, SoftTimeout], None],
    stop: Callable[[Attempt, BaseException], None],
    press: Callable[[Attempt], None],
) -> None:
    """Warn what passed its soft timeout, stop what passed its timeout, press what was told to stop and does not."""
    for attempt in running:
        if attempt.stopping is not None:
            # Without an end of its grace the loop has yet to hear of it: the heart's thread was first.
            if attempt.stop_until and now >= attempt.stop_until:
                press(attempt)
        elif attempt.deadline is not None and now >= attempt.deadline:
            stop(attempt, TimedOut(attempt.work.timeout or 0))
        elif attempt.soft_deadline is not None and now >= attempt.soft_deadline:
            attempt.soft_deadline = None
            limit = (attempt.work.soft_timeout or 0) / 1000
            warn(attempt, SoftTimeout(f"the soft timeout of {limit:g} s has passed"))
