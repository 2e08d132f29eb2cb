"""When two requests ask for the same answer: the cache key of a result. Pure."""

import json
from collections.abc import Sequence
from hashlib import sha256

from treadle.packs.ai.ports import Instructions, Provider, TaskName
from treadle.packs.ai.threads import ThreadText, normalised


def input_hash(thread: ThreadText, task: TaskName, provider: Provider, instructions: Instructions) -> str:
    """Hash all that an answer depends on: the thread's text, the task and its version, who answers, what was added."""
    used = json.dumps([dict(entry) for entry in instructions.used], sort_keys=True)
    parts = (normalised(thread), task, provider.prompt_version(task), provider.name, provider.model, used)
    return sha256("\x1d".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def request_id(thread_id: str, revision: int, tasks: Sequence[TaskName], provider: str) -> str:
    """Choose the id of the job that processes a thread: equal for equal work, new when the thread has grown."""
    told = "\x1d".join((str(revision), ",".join(sorted(tasks)), provider))
    return f"ai:{thread_id}:{sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
