"""A cycle under the lock, as steps: settle, let leave, then look, choose and write until there is what is wanted."""

from collections.abc import Mapping, Sequence

from treadle.core.flow.choosing import Choice, Taken, choose
from treadle.core.flow.lanes import lane_of_task
from treadle.core.flow.opening import after_choosing
from treadle.core.job import Claim, Cycle, Ending
from treadle.stores.postgres import verbs
from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.flow.leaving import leave, open_lanes, really_ended
from treadle.stores.postgres.flow.loading import Loaded, Ref, load, names_before
from treadle.stores.postgres.flow.looking import View, look
from treadle.stores.postgres.flow.writing import entered_by, lines_of, refs_of
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
    yield sql.locking()
    view = yield from look(sql, worker, asked)
    book = Book(sql)
    left = [*really_ended(ended, settled.moved), *view.ended]
    opened = yield from leave(sql, book, left, view.gone, view.steering, view.now)
    found = Found(Cycle([], settled.lost, view.now))
    if asked:
        claiming = Claiming(sql, book, view, worker, queues, want, shares)
        if not view.leased:
            found = Found(found.cycle._replace(leased=False))
        elif view.open or view.steered or (opened and (yield from _is_open(sql, queues))):
            found = Found(Cycle((yield from claiming.claim()), settled.lost, view.now, more=claiming.more), flow=True)
        else:
            found = yield from verbs.claim(sql, worker, queues, begin, want, shares)
            more = found.cycle.more or found.flow
            found = found._replace(cycle=found.cycle._replace(lost=settled.lost, now=view.now, more=more))
        opens_in = yield from _opens_in(sql, queues, view, claiming)
        found = found._replace(cycle=found.cycle._replace(opens_in=opens_in))
    yield from book.write(view.now)
    if opened and len(found.cycle.claims) == want:
        yield sql("ring")
    if view.unread:
        found = found._replace(flow=True, cycle=found.cycle._replace(more=True))
    return found


def _is_open(sql: Statements, queues: Sequence[str]) -> Steps[bool]:
    ((open,),) = yield sql("is_open", queues=list(queues))
    return bool(open)


def _opens_in(sql: Statements, queues: Sequence[str], view: View, claiming: "Claiming") -> Steps[int | None]:
    if view.until is None and not claiming.timed:
        return None
    ((until,),) = yield sql("opens_at", queues=list(queues))
    return None if until is None else max(0, until - view.now)


class Claiming:
    """One claim while it is made."""

    def __init__(
        self,
        sql: Statements,
        book: Book,
        view: View,
        worker: str,
        queues: Sequence[str],
        want: int,
        shares: Sequence[int],
    ) -> None:
        self._sql, self._book, self._view = sql, book, view
        self._worker, self._queues, self._want, self._run = worker, queues, want, max(1, want // 10)
        self._shares = dict(zip(queues, shares, strict=False))
        self._claims: list[Claim] = []
        self._but = set[str]()
        self._busy = set[int]()
        self._steered = [target.removeprefix("task=") for target in view.steering if target.startswith("task=")]
        self._unmet = False
        """There are so many jobs of steered tasks that those without a lane are left for the next claim."""
        self.more = False
        """There may be more than was claimed."""
        self.timed = False
        """A lane was shut until some instant."""

    def claim(self) -> Steps[list[Claim]]:
        """Claim what may run, in the order in which it was chosen."""
        tenants = -(-self._want // self._run) + 2
        for _ in range(ROUNDS):
            again = yield from self._round(tenants)
            if len(self._claims) == self._want:
                self.more = True
                break
            if not again:
                self.more = self._unmet
                break
            tenants *= FURTHER
        else:
            self.more = True
        return self._claims

    def _round(self, tenants: int) -> Steps[bool]:
        """Look once, and write what was decided; answer whether it is worth another look."""
        moved = (yield from self._into_lanes()) if self._steered else False
        left = self._want - len(self._claims)
        tenants = min(tenants, left + 1)
        plain = not self._unmet
        loaded = yield from load(self._sql, self._queues, left, self._run, tenants, self._but, plain=plain)
        for line in loaded.lines:
            line.share = self._shares.get(line.queue)
        view, book = self._view, self._book
        yield from book.look_up(names_before(loaded, view.steering))
        choice = choose(loaded.lines, book.standings, view.steering, view.now, left, self._run)
        claimed = yield self._sql(
            "take",
            worker=self._worker,
            **refs_of(choice),
            **book.rows(view.now, choice.standings),
            **lines_of(choice, loaded, self._busy),
        )
        found = {claim.ref: claim for claim in map(Claim._make, claimed)}
        taken = [each for each in choice.taken if _key(each) in found]
        self._claims += [found[_key(each)] for each in taken]
        for each in taken:
            if self._shares.get(each.queue):
                self._shares[each.queue] -= 1
        if len(taken) < len(choice.taken):
            self._note_gone(choice, loaded, found)
            book.change(entered_by(taken, view.steering, book.standings, view.now))
            return True
        book.note_written(choice.standings)
        self.timed = self.timed or any(shut.until is not None for shut in choice.shut)
        vanished = [(lane.queue, lane.name) for lane in loaded.vanished if lane.id not in self._busy]
        rooms = after_choosing(choice, vanished, book.standings, view.steering, view.now)
        opened = yield from open_lanes(self._sql, rooms)
        return bool(choice.cut or opened or vanished or moved)

    def _note_gone(self, choice: Choice, loaded: Loaded, found: Mapping[object, Claim]) -> None:
        """Leave those alone that somebody else changes at this moment; their lanes are not empty for that."""
        gone = [each for each in choice.taken if _key(each) not in found]
        self._but.update(_key(each) for each in gone)
        lanes = [loaded.lanes.get(id(each.row)) for each in gone]
        self._busy.update(lane.id for lane in lanes if lane)

    def _into_lanes(self) -> Steps[bool]:
        """Give jobs without a lane whose task is steered the lane of their task, and put it in line, until none of
        them is met any more; answer whether there were any."""
        lanes = [lane_of_task(task) for task in self._steered]
        for round in range(ROUNDS):
            ((moved,),) = yield self._sql(
                "into_lanes", queues=list(self._queues), most=MET, tasks=self._steered, lanes=lanes
            )
            if not moved:
                return round > 0
            view = yield from look(self._sql, self._worker, self._queues)
            yield from leave(self._sql, self._book, view.ended, view.gone, self._view.steering, self._view.now)
        self._unmet = True
        return True


def _key(taken: Taken) -> str:
    ref = taken.job.ref
    assert isinstance(ref, Ref)
    return ref.key
