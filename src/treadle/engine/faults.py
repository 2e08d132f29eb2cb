"""Errors as text: what is kept of an exception, and nothing that could run."""

import json
import traceback
from pathlib import Path

from treadle.core.plain import plain

#: Characters of a message and of a traceback that are kept; the end of a traceback says most.
LONGEST_MESSAGE, LONGEST_TRACEBACK = 2_000, 16_000

_HERE = str(Path(__file__).parent.parent)


def describe(error: BaseException) -> str:
    """Turn an exception into the JSON text that is kept with the job."""
    return as_json(type(error).__name__, _message(error), _traceback(error))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the error of a task may be anything
        return f"(its message cannot be read: {type(broken).__name__})"


def as_json(type: str, message: str, trace: str | None = None) -> str:
    """Make the JSON text of a failure that another process told of."""
    document = {"type": type, "message": plain(message[:LONGEST_MESSAGE])}
    if trace:
        document["traceback"] = plain(trace[-LONGEST_TRACEBACK:])
    return json.dumps(document)


def _traceback(error: BaseException) -> str | None:
    frames = error.__traceback__
    # The engine's own frames at the top tell a task's author nothing.
    while frames and frames.tb_next and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    if frames is None:
        return None
    return "".join(traceback.format_exception(type(error), error, frames, limit=50))
