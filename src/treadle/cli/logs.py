"""Log lines of the command line: one a finished attempt, on stderr, for people or for machines.

The library only logs; how a line looks is decided here and nowhere else.
"""

import json
import logging
from datetime import UTC, datetime

import click

from treadle.cli.show import length, lines, pairs_of, plain
from treadle.core.events import AttemptEnded, ClaimLost, Event, LoopBlocked, TakenOver, WorkerStarted, WorkerStopped
from treadle.core.states import State

log = logging.getLogger("treadle.worker")

#: Libraries whose notes at INFO are about themselves.
TALKATIVE = ("alembic", "sqlalchemy", "asyncio")


def configure(style: str, *, quiet: bool = False, verbose: bool = False) -> None:
    """Send log lines to stderr: all of them, those about attempts, or only what went wrong."""
    handler = ToStderr()
    handler.setFormatter(Json() if style == "json" else Console())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose and name != "asyncio" else logging.WARNING)


def listen(event: Event) -> None:
    """Turn what the engine tells into log lines; what it logs itself is left alone."""
    match event:
        case AttemptEnded(claim=claim, outcome=outcome, took=took):
            fields = {"task": claim.task, "job": claim.id, "attempt": f"{claim.attempt}/{claim.max_attempts}"}
            fields |= {"queue": claim.queue, "took": length(took)}
            if outcome.state is State.SCHEDULED:
                fields["again_in"] = length(outcome.due_in)
            if outcome.reason:
                fields["reason"] = str(outcome.reason)
            _write(_level(outcome.state, outcome.error), _word(event), fields, outcome.error)
        case WorkerStarted(worker=worker, queues=queues, slots=slots):
            _write(logging.INFO, "worker started", {"worker": worker, "queues": ",".join(queues), "slots": slots})
        case WorkerStopped(worker=worker, handed_back=handed_back):
            _write(logging.INFO, "worker stopped", {"worker": worker, "handed_back": handed_back})
        case ClaimLost(job_id=job_id, task=task):
            _write(logging.WARNING, "claim lost", {"task": task, "job": job_id})
        case TakenOver(claim=claim, outcome=outcome):
            fields = {"task": claim.task, "job": claim.id, "crashes": str(claim.crashes), "next": str(outcome.state)}
            _write(logging.WARNING, "taken over", fields)
        case LoopBlocked(seconds=seconds, task=task):
            _write(logging.WARNING, "event loop blocked", {"seconds": f"{seconds:.1f}", "task": task or "unknown"})


def _word(ended: AttemptEnded) -> str:
    outcome = ended.outcome
    if outcome.state is State.SCHEDULED:
        return "job will be retried" if outcome.error else "job snoozed"
    if outcome.state is State.QUEUED:
        return "job will be retried" if outcome.error else "job handed back"
    return f"job {outcome.outcome or outcome.state}"


def _level(state: State, error: str | None) -> int:
    return logging.ERROR if state is State.FAILED else logging.WARNING if error else logging.INFO


def _write(level: int, message: str, fields: dict[str, object] | dict[str, str], error: str | None = None) -> None:
    told: dict[str, object] = dict(fields)
    if error:
        told["error"] = _said(error)
    log.log(level, message, extra={"fields": told})


def _said(error: str) -> str:
    """Take the sentence out of a failure's JSON text."""
    try:
        told = json.loads(error)
        return f"{told['type']}: {told['message']}"
    except (ValueError, KeyError, TypeError):
        return error


class ToStderr(logging.Handler):
    """Writes to whatever stderr is at that moment: bars that move put something else in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(self.format(record), err=True)
        except OSError:
            self.handleError(record)


class Console(logging.Formatter):
    """`03:12:44 info    job completed  task=… job=…`"""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        text = f"{at} {record.levelname.lower():7} {plain(record.getMessage())}"
        if fields := getattr(record, "fields", None):
            text += "  " + plain(pairs_of(fields))
        return "\n".join([text, *(f"    {line}" for line in lines(_trace(self, record)))])


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        told |= {"message": record.getMessage(), **getattr(record, "fields", {})}
        if trace := _trace(self, record):
            told["traceback"] = trace
        return json.dumps(told, default=str)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
