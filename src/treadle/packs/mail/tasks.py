"""The tasks of the mail pack. Each may run any number of times: what is known is skipped."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from treadle import Context, Discard, Exponential, MissingExtra, Pack, Retry
from treadle.packs.database import Database, open_database
from treadle.packs.mail.formats import Format

if TYPE_CHECKING:
    from treadle.packs.mail.ingest import Progress

pack = Pack(
    "mail", needs=("sqlalchemy", "alembic", "selectolax", "mailparser_reply", "charset_normalizer"), extra="mail"
)
pack.provide(Database, open_database)

MENTIONED = 5
"""Refused entries that are named in the job's log; the others are only counted."""


@pack.task("import_local", queue="mail", timeout=timedelta(hours=6), retry=Retry(2, Exponential(60)), context=True)
def import_local(
    ctx: Context, path: str, *, format: Format = "auto", owner: str = "me", addresses: list[str] | None = None
) -> dict[str, Any]:
    """Import an mbox, a Maildir, or a folder, zip or tar of .eml files; continue where an earlier try stopped.

    `addresses` are the owner's own, to tell sent mail from received. Answers the run and its counts, where
    seen = messages + duplicates + refused, and partial, failed, oversize are among the messages.
    """
    try:
        from treadle.packs.mail.ingest import import_mailbox
        from treadle.packs.mail.sources import NotAMailbox
        from treadle.packs.mail.sources.archive import HostileArchive
    except ModuleNotFoundError as missing:
        raise MissingExtra("mail", str(missing.name)) from missing

    def tell(progress: "Progress") -> None:
        _tell(ctx, progress)

    try:
        run = import_mailbox(
            ctx.use(Database), path, owner=owner, format=format, addresses=addresses or (), on_slice=tell
        )
    except (NotAMailbox, HostileArchive) as error:
        raise Discard(str(error)) from error
    return {
        "run": run.id,
        "path": run.path,
        "format": run.format,
        "seen": run.seen,
        "messages": run.stored,
        "duplicates": run.duplicates,
        "refused": run.refused,
        "partial": run.partial,
        "failed": run.failed,
        "oversize": run.oversize,
        "threads": run.threads,
        "bytes": run.bytes,
    }


def _tell(ctx: Context, progress: "Progress") -> None:
    """Report after a slice, and stop there if the job was asked to."""
    tally = progress.tally
    ctx.progress(progress.done, progress.total, failed=tally.failed, note=f"{tally.stored:,} messages")
    before = tally.refused - len(progress.refused)
    for one in progress.refused[: max(0, MENTIONED - before)]:
        ctx.log("refused", entry=one.name, why=one.why)
    ctx.check()
