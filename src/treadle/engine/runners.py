"""Running attempts: long-lived tasks that take them from a deque, so that a job costs no task and no timer.

A runner survives the cancellation of its job. One whose job left marks in its context (ContextVars), or
that will not stop, is replaced by a fresh one.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from treadle.core.errors import SoftTimeout, TreadleError
from treadle.core.outcomes import Outcome
from treadle.engine.attempt import Asked, Attempt, Lost
from treadle.engine.context import Context
from treadle.engine.deadlines import set_deadlines
from treadle.engine.judging import raised, returned
from treadle.engine.processes import Processes
from treadle.engine.threads import Threads
from treadle.engine.warning import Warned
from treadle.engine.work import Executor

log = logging.getLogger("treadle.engine")

Ended = Callable[[Attempt, Outcome | None, float], None]
"""Told once for each attempt: its outcome (None: its claim was lost) and the seconds it took."""


class Runners:
    """So many slots; what is fed starts as soon as one is free, in order."""

    def __init__(
        self,
        slots: int,
        context: Callable[[Attempt], Context],
        ended: Ended,
        processes: Processes | None,
        stop_grace: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots, self._context, self._ended, self._clock = slots, context, ended, clock
        self._processes, self._stop_grace = processes, stop_grace
        self._clean = copy_context()
        self._threads = Threads(asyncio.get_running_loop())
        self._idle: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = self._waking = False
        self.ready: deque[Attempt] = deque()
        self.running: dict[Attempt, None] = {}
        for _ in range(slots):
            self._hire()

    @property
    def free(self) -> int:
        """Slots that nothing runs in or waits for; negative while more is ready than fits."""
        return self._slots - len(self.running) - len(self.ready)

    def feed(self, attempts: list[Attempt]) -> None:
        """Have these run."""
        self.ready.extend(attempts)
        self._wake_one()

    def stop(self, attempt: Attempt, why: BaseException) -> None:
        """Tell a running attempt to stop; what happens next is its executor's way."""
        if attempt.over or attempt not in self.running:
            return
        if attempt.stopping is None or isinstance(why, Lost):
            attempt.stopping = why
        first = not attempt.stop_until
        if first:  # every beat says it again, and must not lengthen the grace or disturb the tidying up
            attempt.stop_until = self._clock() + self._stop_grace
        if attempt.work.executor is Executor.PROCESS and self._processes:
            (self._processes.ask if isinstance(why, Asked) else self._processes.kill)(attempt)
        elif first and attempt.work.executor is Executor.LOOP and attempt.runner:
            attempt.runner.cancel()

    def warn(self, attempt: Attempt, warning: SoftTimeout) -> None:
        """Raise SoftTimeout in a running attempt's code."""
        if attempt.work.executor is Executor.PROCESS and self._processes:
            self._processes.warn(attempt, warning)
            return
        attempt.warning = warning
        if attempt.work.executor is Executor.LOOP and attempt.runner:
            attempt.runner.cancel()

    def press(self, attempt: Attempt) -> None:
        """Deal with an attempt that was told to stop and did not within its grace."""
        attempt.stop_until = self._clock() + self._stop_grace
        if attempt.work.executor is Executor.PROCESS and self._processes:
            self._processes.kill(attempt)
        elif attempt.work.executor is Executor.THREAD or not attempt.pressed:
            attempt.pressed = True
            if attempt.runner:
                attempt.runner.cancel()
        else:
            self._abandon(attempt)

    async def close(self) -> None:
        """End all runners. Attempts that still run are concluded as their stopping says."""
        if self._closing:
            return
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        for attempt in list(self.running):
            self._conclude(attempt, _stopped(attempt))
        self._threads.close()

    def _hire(self) -> None:
        # Without a context of its own it would begin with the marks of whoever hires it.
        context = self._clean.copy()
        task = asyncio.get_running_loop().create_task(self._live(), name="treadle-runner", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._replace)

    def _replace(self, runner: "asyncio.Task[None]") -> None:
        """Hire another for a runner that has ended; what it ran, if anything, has failed with it."""
        if runner not in self._tasks:
            return  # it was left behind, and replaced at once
        self._tasks.discard(runner)
        if self._closing:
            return
        error = None if runner.cancelled() else runner.exception()
        if error is not None:
            log.error("a runner broke and is replaced", exc_info=error)
        for attempt in [attempt for attempt in self.running if attempt.runner is runner]:
            self._conclude(attempt, raised(attempt.work, attempt.claim, error or TreadleError("its runner ended")))
        self._hire()

    def _wake_one(self) -> None:
        """Wake an idle runner, unless one is about to wake.

        It wakes the next when it begins: where jobs are over in a blink, one runs them all and the others sleep on.
        """
        while self._idle and not self._waking:
            waiting = self._idle.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._waking = True

    async def _live(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._closing:
            if not self.ready:
                await self._wait(task)
                continue
            attempt = self.ready.popleft()
            attempt.runner = task
            if self.ready:
                self._wake_one()
            await self._run(attempt)
            if task.cancelling() and not self._closing:
                await _shake_off(task)
            if task not in self._tasks or copy_context() != self._clean:
                return

    async def _wait(self, task: "asyncio.Task[Any]") -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._idle.append(waiting)
        try:
            await waiting
            self._waking = False
        except asyncio.CancelledError:
            self._waking = self._waking and not waiting.done()
            if self._closing:
                raise
            task.uncancel()  # meant for a job that ended at the same moment

    async def _run(self, attempt: Attempt) -> None:
        attempt.since = started = self._clock()
        set_deadlines(attempt, started, begun=attempt.work.executor is not Executor.PROCESS)
        self.running[attempt] = None
        try:
            outcome: Outcome | None = await self._perform(attempt)
        except asyncio.CancelledError:
            if attempt.stopping is None and self._closing:
                raise
            outcome = _stopped(attempt)
        except KeyboardInterrupt:
            raise  # a person at the keyboard
        except BaseException as error:  # noqa: BLE001 - a task may end itself, not its worker
            stopped = attempt.stopping is not None
            outcome = _stopped(attempt) if stopped else raised(attempt.work, attempt.claim, error)
        self._conclude(attempt, outcome)

    async def _perform(self, attempt: Attempt) -> Outcome:
        work = attempt.work
        match work.executor:
            case Executor.LOOP:
                coroutine = work.invoke(attempt.claim.args, self._context(attempt))
                return returned(work, await (Warned(coroutine, attempt) if work.soft_timeout else coroutine))
            case Executor.THREAD:
                return await self._threads.run(partial(_in_thread, attempt, self._context(attempt)))
            case Executor.PROCESS:
                assert self._processes is not None
                return await self._threads.run(partial(self._processes.run, attempt, self._begun))

    def _begun(self, attempt: Attempt) -> None:
        # Starting a child (fork server, imports) is not the task's time.
        set_deadlines(attempt, self._clock())

    def _conclude(self, attempt: Attempt, outcome: Outcome | None) -> None:
        if attempt.over:
            return
        attempt.over, outcome = True, attempt.ended or outcome
        del self.running[attempt]
        self._ended(attempt, outcome, self._clock() - attempt.since)

    def _abandon(self, attempt: Attempt) -> None:
        log.warning("job %s (%s) ignores that it must stop; it is left behind", attempt.claim.id, attempt.claim.task)
        if attempt.runner:
            self._tasks.discard(attempt.runner)
        self._conclude(attempt, _stopped(attempt))
        self._hire()


async def _shake_off(task: "asyncio.Task[Any]") -> None:
    """Drop a cancellation that was meant for the job before; it must not reach the next one."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # uncancel() alone keeps one that is not delivered yet (until Python 3.13)
    while task.cancelling():
        task.uncancel()


def _in_thread(attempt: Attempt, context: Context) -> Outcome:
    value = attempt.work.invoke(attempt.claim.args, context)
    # A plain function may turn out to give a coroutine: a decorator around an async one does.
    return returned(attempt.work, asyncio.run(value) if asyncio.iscoroutine(value) else value)


def _stopped(attempt: Attempt) -> Outcome | None:
    """Conclude an attempt by why it was stopped; None for a claim that is somebody else's."""
    match attempt.stopping:
        case Lost():
            return None
        case None:
            return raised(attempt.work, attempt.claim, TreadleError("the task cancelled itself"))
        case why:
            return raised(attempt.work, attempt.claim, why)
