"""What a process still knows when it holds the lock again and nobody has held it between."""

from typing import NamedTuple

from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps


class Lock(NamedTuple):
    """The lock as one transaction holds it."""

    number: int
    """One more than that of whoever held it before."""
    xid: int
    started: float
    """When the server started: another one's numbers say nothing."""
    word: bool
    """A hint: somebody has left word."""


def lock(sql: Statements) -> Steps[Lock]:
    """Wait until nobody else claims from lanes, and see to it that nobody does until the transaction ends."""
    found = yield sql.locking()
    return Lock(*found[0][:4])


class Memory:
    """The book of the last transaction that held the lock.

    It is put here before that transaction is committed, for the next one may hold the lock before the answer to the
    commit has come. So whoever takes it asks the server whether what was written `before` stands.
    """

    def __init__(self) -> None:
        self._last: tuple[Lock, Book] | None = None

    def recall(self, lock: Lock) -> tuple[Book, int] | None:
        """Take the book out, and with it the transaction of which it is; None if somebody else was there since."""
        last, self._last = self._last, None
        if last is None or (last[0].number, last[0].started) != (lock.number - 1, lock.started):
            return None
        return last[1], last[0].xid

    def keep(self, lock: Lock, book: Book) -> None:
        """Keep a book in which nothing is left to be written."""
        if book.is_small:
            self._last = lock, book
