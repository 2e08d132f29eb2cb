"""Threads out of the mail pack: its frozen values become ours. The only file here that knows that pack's tables."""

from collections.abc import Iterator, Sequence

from treadle.packs.ai import store
from treadle.packs.ai.desk import Opened
from treadle.packs.ai.ports import TaskName
from treadle.packs.ai.threads import Letter, ThreadText
from treadle.packs.database import Database
from treadle.packs.mail import reading

_BULK = ("bulk", "list", "junk")
#: Threads that are looked at for missing answers, the newest.
_LOOK_BACK = 2_000


class MailThreads:
    """Reads threads of the mail pack and tells it which have been dealt with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, thread_id: str) -> Opened | None:
        """Give a thread; of one that was merged, the thread it became part of."""
        thread = reading.read_thread(self._database, thread_id)
        if thread is None or not thread.messages:
            return None
        return Opened(thread.id, thread.owner, thread.revision, thread_text(thread))

    def waiting(self, owner: str, tasks: Sequence[TaskName]) -> Iterator[tuple[str, int]]:
        """Name the threads that have grown since an AI job, then those that lack an answer to one of the tasks."""
        grown = dict(reading.unprocessed_threads(self._database, owner, _LOOK_BACK))
        yield from grown.items()
        ids = reading.thread_ids(self._database, owner, limit=_LOOK_BACK)
        with self._database.read() as connection:
            lacking = store.missing(connection, [id for id in ids if id not in grown], tasks)
        for id in lacking:
            thread = reading.read_thread(self._database, id)
            if thread is not None:
                yield id, thread.revision

    def settled(self, thread: Opened) -> None:
        """Note that an AI job has dealt with a thread as it was; a message that came meanwhile counts as new."""
        with self._database.write() as connection:
            reading.mark_processed(connection, thread.id, thread.revision)


def thread_text(thread: reading.Thread) -> ThreadText:
    """Make the value that providers get."""
    return ThreadText(thread.subject, tuple(_letter(message) for message in thread.messages))


def _letter(message: reading.Message) -> Letter:
    bulk = message.precedence if (message.precedence or "").lower() in _BULK else None
    return Letter(
        sender_name=message.sender_name,
        sender_email=message.sender_email,
        to=message.to,
        sent_at=message.sent_at,
        text=message.text,
        lang=message.lang,
        direction="out" if message.direction == "out" else "in",
        list_id=message.list_id or bulk or "",
        auto_submitted=message.auto_submitted or "",
    )
