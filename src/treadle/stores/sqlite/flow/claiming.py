"""The claim where lanes are open or something is steered: look, choose, write, until there is what is wanted."""

import json
import sqlite3
from collections.abc import Sequence

from treadle.core.flow.choosing import PLAIN, Choice, Row, choose
from treadle.core.flow.lanes import NOBODY, lane_of_task
from treadle.core.flow.opening import MOST, after_choosing
from treadle.core.flow.steering import Steering
from treadle.core.job import Claim
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.flow.loading import Lane, Loaded, Loading
from treadle.stores.sqlite.rows import lane_hash

#: How often a claim looks, and by how many times further each time.
ROUNDS, FURTHER = 20, 4

#: Jobs without a lane, at the head of a queue, of which those of steered tasks get one in one round.
MET = 1_000

OPEN_DUE = said.load("open_due", "queues", "now", "limit")
OPENS_AT = said.load("opens_at", "queues")
INTO_LANES = said.load("into_lanes", "queue", "tasks", "limit")
TAKE = said.load("take", "worker", "now", "refs")
SHUT_LANE = said.load("shut_lane", "rank", "seq", "gate", "until", "place")
END_LANE = said.load("end_lane", "place")
PAY_TURN = said.load("pay_turn", "queue", "tenant", "paid")
REST_TURN = said.load("rest_turn", "queue", "tenant")
KEEP_CLOCK = said.load("keep_clock", "queue", "clock")


class Claiming:
    """One claim while it is made, on a connection that holds the write lock."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        book: Book,
        now: int,
        worker: str,
        queues: Sequence[str],
        want: int,
        shares: Sequence[int],
        steering: Steering,
    ) -> None:
        self._connection, self._book, self._loading = connection, book, Loading(connection, book, steering)
        self._now, self._worker, self._steering = now, worker, steering
        self._queues, self._want, self._run = queues, want, max(1, want // 10)
        self._shares = dict(zip(queues, shares, strict=False))
        self._steered = [target.removeprefix("task=") for target in steering if target.startswith("task=")]
        self._unmet = False
        """There are so many jobs of steered tasks that those without a lane are left for the next claim."""
        self._last = NOBODY
        """The tenant who was served last."""
        self.claims: list[Claim] = []
        self.more = False

    def claim(self) -> None:
        """Claim what may run, in the order in which it was chosen."""
        self._connection.execute(OPEN_DUE, (json.dumps(self._queues), self._now, MOST))
        tenants = -(-self._want // self._run) + 2
        for _ in range(ROUNDS):
            before = len(self.claims)
            again = self._round(tenants)
            self.more = len(self.claims) == self._want
            if self.more or not again:
                self.more = self.more or self._unmet
                return
            each = max(1, (len(self.claims) - before) // tenants)  # what a tenant gave the last time
            tenants = min(tenants * FURTHER, -(-(self._want - len(self.claims)) // each) + 2)
        self.more = True

    def opens_in(self) -> int | None:
        """Say after how many milliseconds the next lane opens by itself."""
        (until,) = self._connection.execute(OPENS_AT, (json.dumps(self._queues),)).fetchone()
        return None if until is None else max(0, until - self._now)

    def _round(self, tenants: int) -> bool:
        """Look once and write what was decided; answer whether it is worth another look."""
        left = self._want - len(self.claims)
        moved = self._steered and self._into_lanes()
        loaded = self._loading.load(self._queues, left, self._run, min(tenants, left + 1), plain=not self._unmet)
        for line in loaded.lines:
            line.share = self._shares.get(line.queue)
        standings = self._book.standings
        choice = choose(loaded.lines, standings, self._steering, self._now, left, self._run)
        self._take(choice)
        self._book.change(choice.standings)
        self._write_lanes(choice, loaded)
        vanished = [(queue, lane.text) for queue, lane in loaded.vanished]
        rooms = after_choosing(choice, vanished, standings, self._steering, self._now)
        opened = said.open_lanes(
            self._connection, {gate: room for (_, gate), room in rooms.items()}, self._last, self._queues
        )
        self._write_turns(choice, loaded)
        return bool(choice.cut or opened or loaded.vanished or moved)

    def _into_lanes(self) -> bool:
        """Give jobs without a lane whose task is steered the lane of their task; answer whether there were any."""
        named = [(task, lane_of_task(task)) for task in self._steered]
        lanes = json.dumps([(task, lane, lane_hash(lane)) for task, lane in named])
        rows = [(queue, lanes, MET) for queue in self._queues]
        for moved in range(ROUNDS):
            if not self._connection.executemany(INTO_LANES, rows).rowcount:
                return moved > 0
        self._unmet = True
        return True

    def _take(self, choice: Choice) -> None:
        refs = [taken.job.ref for taken in choice.taken]
        if not refs:
            return
        rows = self._connection.execute(TAKE, (self._worker, self._now, json.dumps(refs))).fetchall()
        claimed = {row[0]: Claim._make((*row, False)) for row in rows}
        self.claims += [claimed[ref] for ref in refs]
        self._last = self.claims[-1].tenant or NOBODY
        for taken in choice.taken:
            if self._shares.get(taken.queue):
                self._shares[taken.queue] -= 1

    def _write_lanes(self, choice: Choice, loaded: Loaded) -> None:
        shut = {id(each.row): each for each in choice.shut}
        rows = []
        for line in loaded.lines:
            for turn in line.turns:
                for row in turn.rows:
                    each = shut.get(id(row))
                    if isinstance(row, Lane) and row.at < len(row.jobs) and (each or row.at):
                        first = row.first
                        rows.append((first.rank, first.seq, each and each.gate, each and each.until, row.place))
        self._connection.executemany(SHUT_LANE, rows)
        gone = [row.place for _, row in (*choice.emptied, *loaded.vanished) if isinstance(row, Lane)]
        self._connection.executemany(END_LANE, [(place,) for place in gone])

    def _write_turns(self, choice: Choice, loaded: Loaded) -> None:
        self._connection.executemany(PAY_TURN, [(*place, paid) for place, paid in choice.paid.items()])
        self._connection.executemany(KEEP_CLOCK, list(choice.clocks.items()))
        shut = {id(each.row) for each in choice.shut}
        idle = [
            (line.queue, turn.tenant)
            for line in loaded.lines
            for turn in line.turns
            if turn.beyond is None and not any(_is_open(row) for row in turn.rows if id(row) not in shut)
        ]
        self._connection.executemany(REST_TURN, idle)


def _is_open(row: Row) -> bool:
    return row.text != PLAIN and (row.at < len(row.jobs) or row.more)
