"""How an error reaches a person: one sentence on stderr and an exit code. The only place that knows both."""

import errno
from dataclasses import dataclass
from enum import IntEnum

import click

from treadle.core import errors


class Exit(IntEnum):
    """The exit codes that scripts may rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    STORE = 5
    INTERRUPTED = 130


class Conflict(errors.TreadleError):
    """What is asked does not fit the state that something is in."""


class NoStoreYet(errors.StoreError):
    """The database that is to be read does not exist."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is said of an error, to people and to machines."""

    exit: int
    code: str
    message: str


#: The first kind that fits decides.
KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Exit, str], ...] = (
    (errors.JobNotFound, Exit.NOT_FOUND, "not_found"),
    ((Conflict, errors.DuplicateJob), Exit.CONFLICT, "conflict"),
    (errors.StoreError, Exit.STORE, "store_unreachable"),
    ((errors.ConfigError, errors.InvalidArguments, errors.UnknownTask), Exit.USAGE, "usage"),
    (errors.TreadleError, Exit.FAILED, "failed"),
)

UNEXPECTED = (
    "{type}: {message}. This is a bug in Treadle: please report it."
    " `--verbose` or TREADLE_DEBUG=1 shows where it arose."
)


def complaint(error: BaseException) -> Complaint:
    """Say what an error means to whoever typed the command."""
    error = _inner(error)
    for kinds, code, word in KINDS:
        if isinstance(error, kinds):
            return Complaint(code, word, str(error))
    if isinstance(error, click.UsageError):
        return Complaint(Exit.USAGE, "usage", _with_hint(error))
    if isinstance(error, click.ClickException):
        return Complaint(Exit.FAILED, "failed", error.format_message())
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Complaint(Exit.INTERRUPTED, "interrupted", "Interrupted.")
    if isinstance(error, OSError) and error.errno is not None:
        return Complaint(Exit.FAILED, "failed", _of_the_system(error))
    return Complaint(Exit.FAILED, "bug", UNEXPECTED.format(type=type(error).__name__, message=error))


def is_bug(found: Complaint) -> bool:
    """Tell whether nobody foresaw this error."""
    return found.code == "bug"


def _inner(error: BaseException) -> BaseException:
    """Take the one error that matters out of a group: a task group wraps what its first task raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _with_hint(error: click.UsageError) -> str:
    hint = f" Try '{error.ctx.command_path} --help'." if error.ctx else ""
    return error.format_message().rstrip(".") + "." + hint


def _of_the_system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    remedy = {
        errno.ENOSPC: " Free some space and try again; what was stored is not lost.",
        errno.EFBIG: " A limit on the size of files stands in the way (`ulimit -f`).",
        errno.EACCES: " Give this user the permission, or name another place.",
        errno.EROFS: " Name a place that may be written.",
    }.get(error.errno or 0, "")
    return f"{where}{error.strerror}.{remedy}"
