"""The pump: endings out, claims in, as often as that is worth a call to the store.

           ┌── lane ──cycle──┐
endings ──>│── lane ──cycle──│──> claims          as many lanes as the store gains from
           └─────────────────┘
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from treadle.core.errors import StoreError
from treadle.core.events import ClaimLost, Event, StoreTrouble
from treadle.core.job import Claim, Cycle, Ending
from treadle.core.outcomes import hand_back
from treadle.core.store import Store
from treadle.engine.heart import uptime
from treadle.engine.settings import WorkerSettings
from treadle.engine.shares import Shares

log = logging.getLogger("treadle.engine")

#: While more is ready to run, endings wait for so many companions (and never longer than a tick).
COMPANIONS = 64

#: Seconds between two tries while the store is away: doubled from the first to the last.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

#: Seconds until the store is asked again, before the end, when it has not looked at all that waits.
DOUBT = 0.05

#: Seconds within which a lane that opens by itself counts as work that is there.
SOON = 60.0


class Load(Protocol):
    """What a worker can bear, and what it does with what it gets."""

    def capacity(self) -> int:
        """Count the claims that it bears in all."""
        ...

    def room(self) -> int:
        """Count the claims that would fit beside those it has."""
        ...

    def short(self) -> bool:
        """Say whether its runners will soon have nothing to do."""
        ...

    def busy(self) -> bool:
        """Say whether something is ready to run, so that endings may wait for companions."""
        ...

    def holds(self, claim: Claim) -> bool: ...

    def admit(self, claims: Sequence[Claim], now: int) -> None: ...

    def bury(self, claims: Sequence[Claim]) -> None:
        """Settle what was taken over from the dead."""
        ...

    async def tidy(self) -> bool:
        """Do at once what is done from time to time; False: something runs yet."""
        ...


class Pump:
    """One worker's traffic with its store. All of it happens in the worker's loop."""

    def __init__(
        self,
        store: Store,
        worker: str,
        settings: WorkerSettings,
        load: Load,
        *,
        emit: Callable[[Event], None],
        nudge: Callable[[], None],
    ) -> None:
        self._store, self._worker, self._settings, self._load = store, worker, settings, load
        self._emit, self._nudge = emit, nudge
        self._ended: list[Ending] = []
        self._leaving: list[Sequence[Ending]] = []
        """Endings that are on their way."""
        self._promised = 0
        self._hints = 0
        self._hungry, self._plenty = True, False
        self._overdue = False
        self._strangers = self._recalling = False
        self._in_doubt = self._tidied = False
        self._pause, self._said = 0.0, ""
        self._until_idle = False
        self._shares = Shares(settings.weights) if settings.weights else None
        self._opening: asyncio.TimerHandle | None = None
        """Looks again when a lane opens by itself."""
        self.changed = asyncio.Event()
        self.stopping = False

    @property
    def at_rest(self) -> bool:
        """Whether nothing is on its way, nothing waits to be settled and no work is known of, nor comes soon."""
        if self._opening is not None and self._opening.when() - asyncio.get_running_loop().time() <= SOON:
            return False
        return not (self._ended or self._leaving or self._hungry or self.changed.is_set())

    # -- what the worker says ------------------------------------------------------

    def end(self, *endings: Ending) -> None:
        """Settle these soon."""
        self._ended.extend(endings)
        self._hungry = self._hungry or self._until_idle  # whoever ended may have left work behind, without a hint
        if len(self._ended) >= COMPANIONS or not self._load.busy():
            self.changed.set()

    def hint(self) -> None:
        """Note that work may have come."""
        self._hints += 1
        self._look_again()

    def tick(self) -> None:
        """Note that whatever waits for companions has waited long enough."""
        if self._ended:
            self._overdue = True
            self.changed.set()

    def hear(self, held: Sequence[str]) -> None:
        """Compare what the store says this worker holds with what it knows of.

        The answer to a cycle may be lost after its commit: claims that nobody would ever run or give back.
        """
        known = {ending.claim.id for endings in (self._ended, *self._leaving) for ending in endings}
        if not self._leaving and any(id not in known for id in held):
            self._strangers = True
            self.changed.set()

    def stop(self) -> None:
        self.stopping = True
        self.changed.set()

    # -- pumping -------------------------------------------------------------------

    async def run(self, *, until_idle: bool) -> None:
        """Pump until told to stop or, if wished, until nothing is left to do."""
        self._until_idle = until_idle
        async with asyncio.TaskGroup() as lanes:
            for _ in range(self._store.lanes):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while not self.stopping:
            self.changed.clear()
            want = self._want()
            if self._recalling or (self._strangers and self._leaving):
                await self.changed.wait()
            elif self._strangers:
                await self._recall()
            elif self._worth_a_cycle(want):
                await self._cycle(want)
            elif self._until_idle and self.at_rest and await self._is_idle():
                self.stop()
            else:
                await self.changed.wait()

    async def _is_idle(self) -> bool:
        """Say whether nothing is left to do: what time brings was looked after, and then nothing was found."""
        if self._in_doubt:
            await asyncio.sleep(DOUBT)
            self._look_again()
        elif not self._tidied:
            await self._tidy()
        else:
            return True
        return False

    async def _tidy(self) -> None:
        try:
            self._tidied = await self._load.tidy()
        except StoreError as error:
            await self._suffer("sweep", error)
        if self._tidied:
            self._look_again()

    def _look_again(self) -> None:
        self._hungry = True
        self.changed.set()

    def _want(self) -> int:
        if not self._hungry or (self._promised and not self._plenty):
            return 0  # one lane is enough to find out whether there is anything
        # While there is plenty each lane takes its share, so that one is filled while another is run.
        share = math.ceil(self._load.capacity() / self._store.lanes) if self._plenty else self._load.room()
        return max(0, min(share, self._load.room() - self._promised))

    def _worth_a_cycle(self, want: int) -> bool:
        if want and self._load.short():
            return True
        return bool(self._ended) and (len(self._ended) >= COMPANIONS or self._overdue or not self._load.busy())

    async def _cycle(self, want: int) -> None:
        asked, hints = uptime(), self._hints
        ended, self._ended, self._overdue = self._ended, [], False
        self._promised += want
        self._leaving.append(ended)
        shares = self._shares.of(want) if self._shares and want else ()
        try:
            cycle = await self._store.cycle(self._worker, ended, self._settings.queues, want, shares)
        except StoreError as error:
            self._ended = ended + self._ended
            self._strangers = self._strangers or want > 0
            await self._suffer("cycle", error)
            return
        finally:
            self._promised -= want
            self._leaving.remove(ended)
            self.changed.set()  # other lanes may have waited for this one
        self._pause, self._said = 0.0, ""
        self._mourn(ended, cycle)
        if not cycle.leased:
            self._nudge()
            await asyncio.sleep(0.1)
        elif want:
            self._plenty, self._in_doubt = cycle.more, cycle.partial
            self._hungry = cycle.more or hints != self._hints
            self._look_when_opened(cycle.opens_in)
        if uptime() - asked > self._settings.fence / 1000:  # frozen meanwhile: the lease of these may be over
            self.end(*(Ending(claim, hand_back()) for claim in cycle.claims))
        elif cycle.claims:
            self._tidied = False
            self._load.admit(cycle.claims, cycle.now)

    def _look_when_opened(self, opens_in: int | None) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if opens_in is not None:
            self._opening = asyncio.get_running_loop().call_later(opens_in / 1000, self._open)

    def _open(self) -> None:
        self._opening = None
        self.hint()

    async def _recall(self) -> None:
        """Find claims whose answer was lost; alone, for what another lane is being given would seem lost as well."""
        self._recalling = True
        try:
            held, now = await self._store.claims(self._worker), await self._now()
        except StoreError as error:
            await self._suffer("claims", error)
            return
        finally:
            self._recalling = False
            self.changed.set()
        self._strangers = False
        known = {ending.claim.id for ending in self._ended}
        strangers = [claim for claim in held if claim.id not in known and not self._load.holds(claim)]
        if strangers:
            log.warning("%d claims of this worker had been answered to nobody; they begin now", len(strangers))
        self._load.bury([claim for claim in strangers if claim.taken])
        self._load.admit([claim for claim in strangers if not claim.taken], now)

    async def _now(self) -> int:
        try:
            return await self._store.now()
        except StoreError:
            return 0  # nothing is expired by an old clock; the claim itself decided that

    async def settle_rest(self, patience: float, clock: Callable[[], float]) -> None:
        """Settle all that ended; while the store is away, try for so many seconds."""
        until = clock() + patience
        while self._ended and clock() < until:
            ended, self._ended = self._ended, []
            try:
                self._mourn(ended, await self._store.cycle(self._worker, ended, (), 0))
            except StoreError as error:
                self._ended = ended + self._ended
                await self._suffer("settle", error)

    def _mourn(self, ended: Sequence[Ending], cycle: Cycle) -> None:
        if cycle.lost:
            for claim, *_ in ended:
                if claim.id in cycle.lost:
                    self._emit(ClaimLost(claim.id, claim.task))

    async def _suffer(self, verb: str, error: StoreError) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or SHORTEST_PAUSE)
        self._hungry = True
        self._emit(StoreTrouble(verb, str(error)))
        if str(error) != self._said:  # once for each trouble, not once a second
            self._said = str(error)
            log.warning("%s failed and is tried again until the store answers: %s", verb, error)
        await asyncio.sleep(self._pause)
        self.changed.set()
