"""A cycle under the lock, as steps: settle, let leave, then look, choose and write until there is what is wanted."""

from collections.abc import Mapping, Sequence

from treadle.core.flow.choosing import Choice, choose
from treadle.core.flow.lanes import NOBODY, lane_of_task
from treadle.core.flow.opening import after_choosing
from treadle.core.job import Claim, Cycle, Ending
from treadle.stores.postgres import verbs
from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.flow.leaving import leave, open_lanes, opens_nothing, really_ended
from treadle.stores.postgres.flow.loading import Asked, Loaded, load, look_up
from treadle.stores.postgres.flow.looking import View, look
from treadle.stores.postgres.flow.memory import Lock, Memory, lock
from treadle.stores.postgres.flow.writing import entered_by, jobs_of, lines_of
from treadle.stores.postgres.lookout import Place
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.verbs import Found
from treadle.stores.steps import Steps

#: How often a claim looks, and by how much further each time.
ROUNDS, FURTHER = 20, 4

#: Jobs without a lane, at the head of a queue, of which those of steered tasks get one in one round.
MET = 1_000


def cycle(
    sql: Statements,
    worker: str,
    ended: Sequence[Ending],
    queues: Sequence[str],
    begin: Sequence[Place],
    want: int,
    shares: Sequence[int] = (),
    *,
    likely: bool = True,
    memory: Memory | None = None,
) -> Steps[Found]:
    """Settle these of any kind, then claim, also from lanes and where something is steered; needs a transaction.

    `likely`: it takes the lock for certain, so that nobody need look first.
    """
    settled = yield from verbs.settle_any(sql, worker, ended)
    asked = queues if want else ()
    if not likely and not verbs.needs_lock(ended):
        found = yield from verbs.claim(sql, worker, asked, begin if asked else (), want if asked else 0, shares)
        if not found.flow:
            return found._replace(cycle=found.cycle._replace(lost=settled.lost))
    return (yield from _locked(sql, memory or Memory(), worker, ended, settled, asked, begin, want, shares))


def _locked(
    sql: Statements,
    memory: Memory,
    worker: str,
    ended: Sequence[Ending],
    settled: verbs.Settled,
    queues: Sequence[str],
    begin: Sequence[Place],
    want: int,
    shares: Sequence[int],
) -> Steps[Found]:
    """Let leave, then claim, as the only one who does."""
    held = yield from lock(sql)
    claiming = Claiming(sql, worker, queues, want, shares)
    seen = yield from claiming.begin(really_ended(ended, settled.moved), held, memory)
    found = Found(Cycle([], settled.lost, seen.now))
    if queues:
        if not seen.leased:
            found = Found(found.cycle._replace(leased=False))
        elif seen.open or seen.steered:
            found = Found(Cycle((yield from claiming.claim()), settled.lost, seen.now, more=claiming.more), flow=True)
        else:
            found = yield from verbs.claim(sql, worker, queues, begin, want, shares)
            more = found.cycle.more or found.flow
            found = found._replace(cycle=found.cycle._replace(lost=settled.lost, now=seen.now, more=more))
        found = found._replace(cycle=found.cycle._replace(opens_in=(yield from claiming.opens_in())))
    yield from claiming.book.write(seen.now)
    if claiming.opened and len(found.cycle.claims) == want:
        yield sql("ring")
    if seen.unread:
        found = found._replace(flow=True, cycle=found.cycle._replace(more=True))
    memory.keep(held, claiming.book)
    return found


class Claiming:
    """One claim while it is made."""

    def __init__(self, sql: Statements, worker: str, queues: Sequence[str], want: int, shares: Sequence[int]) -> None:
        self._sql, self._worker, self._queues, self._want = sql, worker, queues, want
        self.book = Book(sql)
        self._shares = dict(zip(queues, shares, strict=False))
        run = max(1, want // 10)
        self._asked = Asked(queues, want, run, min(-(-want // run), want) + 1)
        self._claims: list[Claim] = []
        self._but = set[int]()
        self._busy = set[tuple[str, str]]()
        self._unmet = False
        """There are so many jobs of steered tasks that those without a lane are left for the next claim."""
        self._loaded: Loaded | None = None
        self._view: View
        self._moved = False
        """Lanes were opened since the view was taken, or may have been."""
        self._until: int | None = None
        """When a lane that was shut here opens by itself."""
        self.more = False
        """There may be more than was claimed."""
        self.opened = False
        """Lanes were opened since somebody has left."""

    def begin(self, left: Sequence[Ending], held: Lock, memory: Memory) -> Steps[View]:
        """Look, and let these leave. One look does where nobody has left word and no lane waits for those who leave."""
        sql = self._sql
        book, before = memory.recall(held) or (self.book, None)
        unsure = book.shut is None
        loaded = None
        if self._queues and not held.word and opens_nothing(book, left):
            loaded = yield from load(sql, self._worker, self._asked, before, unsure=unsure, whatever=False)
        if loaded is None or loaded.view.unread:
            loaded = None
            view = yield from look(sql, self._worker, self._queues, before, unsure=unsure)
        else:
            view = loaded.view
        if before is None or view.stands:
            self.book = book
        book = self.book
        if unsure and not view.shut:
            book.shut = set()
        self.opened = yield from leave(sql, book, [*left, *view.ended], view.gone, view.steering, view.now)
        if self._queues and (loaded is None or self.opened):
            loaded = yield from load(sql, self._worker, self._asked)
            view = view._replace(open=loaded.view.open)
        self._loaded, self._view = loaded, view
        self._moved = self.opened or view.digested
        return view

    def opens_in(self) -> Steps[int | None]:
        """Say in how many milliseconds the next lane opens by itself."""
        known = [each for each in (self._view.until, self._until) if each is not None]
        if not known:
            return None
        if not self._moved:
            return max(0, min(known) - self._view.now)
        ((until,),) = yield self._sql("opens_at", queues=list(self._queues))  # one of them may be open by now
        return None if until is None else max(0, until - self._view.now)

    def claim(self) -> Steps[list[Claim]]:
        """Claim what may run, in the order in which it was chosen."""
        for _ in range(ROUNDS):
            again = yield from self._round()
            if len(self._claims) == self._want:
                self.more = True
                break
            if not again:
                self.more = self._unmet
                break
            self._asked = self._asked._replace(tenants=self._asked.tenants * FURTHER)
        else:
            self.more = True
        return self._claims

    def _round(self) -> Steps[bool]:
        """Look once, and write what was decided; answer whether it is worth another look."""
        view, book = self._view, self.book
        steered = [target.removeprefix("task=") for target in view.steering if target.startswith("task=")]
        moved = (yield from self._into_lanes(steered)) if steered else False
        left = self._want - len(self._claims)
        loaded, self._loaded = self._loaded, None
        if loaded is None or moved:
            loaded = yield from load(self._sql, self._worker, self._asked_for(left))
        for line in loaded.lines:
            line.share = self._shares.get(line.queue)
        yield from look_up(book, loaded, view.steering)
        choice = choose(loaded.lines, book.standings, view.steering, view.now, left, self._asked.run)
        claimed = yield from self._take(choice, loaded)
        taken = [each for each in choice.taken if each.job.seq in claimed]
        self._claims += [claimed[each.job.seq] for each in taken]
        for each in taken:
            if self._shares.get(each.queue):
                self._shares[each.queue] -= 1
        if len(taken) < len(choice.taken):
            self._note_gone(choice, claimed)
            book.change(entered_by(taken, view.steering, book.standings, view.now))
            return True
        self._note_shut(choice)
        vanished = [(lane.queue, lane.name) for lane in loaded.vanished]
        vanished = [lane for lane in vanished if lane not in self._busy]
        rooms = after_choosing(choice, vanished, book.standings, view.steering, view.now)
        last = self._claims[-1].tenant if self._claims else None
        opened = yield from open_lanes(self._sql, book, rooms, last or NOBODY)
        self._moved = self._moved or bool(opened)
        return bool(choice.cut or opened or vanished or moved)

    def _asked_for(self, left: int) -> Asked:
        tenants = min(self._asked.tenants, left + 1)
        return self._asked._replace(want=left, tenants=tenants, but=self._but, plain=not self._unmet)

    def _take(self, choice: Choice, loaded: Loaded) -> Steps[dict[int, Claim]]:
        """Write what was decided, if the jobs are as they were; answer the claims by the numbers of their jobs."""
        book = self.book
        lines = lines_of(choice, loaded, self._busy)
        if not choice.taken and book.is_written and not any(map(_says_something, lines.values())):
            return {}
        claimed = yield self._sql(
            "take",
            worker=self._worker,
            **jobs_of(choice),
            **book.rows(self._view.now, choice.standings),
            **lines,
        )
        if len(claimed) == len(choice.taken):
            book.note_written(choice.standings)
        return {row[0]: Claim._make(row[1:]) for row in claimed}

    def _note_shut(self, choice: Choice) -> None:
        for each in choice.shut:
            if each.until is not None:
                self._until = each.until if self._until is None else min(self._until, each.until)
            if self.book.shut is not None:
                self.book.shut.add(each.gate)

    def _note_gone(self, choice: Choice, claimed: Mapping[int, Claim]) -> None:
        """Leave those alone that somebody else changes at this moment; their lanes are not empty for that."""
        gone = [each for each in choice.taken if each.job.seq not in claimed]
        self._but.update(each.job.seq for each in gone)
        self._busy.update((each.queue, each.row.text) for each in gone)

    def _into_lanes(self, tasks: Sequence[str]) -> Steps[bool]:
        """Give jobs without a lane whose task is steered the lane of their task, and put it in line, until none of
        them is met any more; answer whether there were any."""
        lanes = [lane_of_task(task) for task in tasks]
        for round in range(ROUNDS):
            ((moved,),) = yield self._sql("into_lanes", queues=list(self._queues), most=MET, tasks=tasks, lanes=lanes)
            if not moved:
                return round > 0
            view = yield from look(self._sql, self._worker, self._queues)
            self._moved = True
            yield from leave(self._sql, self.book, view.ended, view.gone, self._view.steering, self._view.now)
        self._unmet = True
        return True


def _says_something(column: object) -> bool:
    return column not in ([], "{}")
