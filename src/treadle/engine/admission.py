"""What becomes of a claim before its code runs: begun, held aside, given up or handed back. Decides, does nothing."""

from collections.abc import Mapping
from dataclasses import replace

from treadle.core.job import Claim
from treadle.core.outcomes import CRASHES_ALLOWED, Outcome, give_up, hand_back, hold
from treadle.core.states import Reason
from treadle.engine.work import Executor, Work


class Admission:
    """One worker's door.

    What was on board of too many crashes is suspected of them. It runs in a child (`children`), so that a killer takes
    no neighbour along the last time. Where there are no children it runs alone: else the next crash would count against
    the same neighbours again (PROMISES P12).
    """

    def __init__(self, works: Mapping[str, Work], *, children: bool) -> None:
        self._works, self._children = works, children
        self.careful = False
        """One at a time: a suspect runs, or is about to."""

    def decide(self, claim: Claim, now: int, *, busy: bool) -> Work | Outcome:
        """Answer what to run or, if nothing shall run, how this claim ends; `busy`: something is held already."""
        work = self._works.get(claim.task)
        if work is None:
            return hold(Reason.UNKNOWN_TASK)
        if claim.expires_at is not None and claim.expires_at <= now:
            return give_up(Reason.EXPIRED)._replace(spends_attempt=False)
        suspect = claim.crashes + 1 >= CRASHES_ALLOWED
        if self._children:
            return replace(work, executor=Executor.PROCESS) if suspect else work
        if busy and (suspect or self.careful):
            self.careful = True
            return hand_back()
        self.careful = suspect
        return work
