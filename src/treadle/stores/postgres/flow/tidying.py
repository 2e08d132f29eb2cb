"""What keeps the tables of flow small, as steps: a slice at each sweep, without an index that claims would pay for."""

from typing import NamedTuple

from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.flow.leaving import leave
from treadle.stores.postgres.flow.looking import look
from treadle.stores.postgres.flow.steering import count
from treadle.stores.postgres.naming import FIRST
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps

#: Standings, and turns, that one sweep looks at.
SLICE = 1_000


class Slice(NamedTuple):
    """Behind which standing and which turn the next sweep begins."""

    standing: str
    queue: str
    tenant: str


START = Slice(FIRST, "", "")


def tidy(sql: Statements, worker: str, slice: Slice) -> Steps[Slice]:
    """Read the word that nobody else reads, delete what is at rest, and count anew what runs under caps.

    (A job that began or ended in the moment in which a cap was set may have passed it by.)
    """
    found = yield sql("tidy_look", **slice._asdict(), most=SLICE)
    words, rested, idle, last, number, queue, tenant = found[0]
    if words or rested or idle:
        yield sql.locking()
        view = yield from look(sql, worker, ())
        book = Book(sql)
        yield from leave(sql, book, view.ended, view.gone, view.steering, view.now)
        yield from count(sql, book, view.steering)
        yield from book.write(view.now)
        if rested or idle:
            yield sql("tidy", **slice._asdict(), most=SLICE)
    return Slice(last if number == SLICE else FIRST, queue[0] if queue else "", tenant[0] if tenant else "")
