"""The local provider: answers every task from the thread alone, at once, for nothing."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from treadle.packs.ai.local.bayes import Model
from treadle.packs.ai.local.classify import Classified, classify
from treadle.packs.ai.local.reading import Reading, read
from treadle.packs.ai.local.reply import draft_reply
from treadle.packs.ai.local.sentiment import Felt, sentiment
from treadle.packs.ai.local.summarize import summarize
from treadle.packs.ai.local.tasks_found import Found, find_tasks
from treadle.packs.ai.ports import Answer, Instructions, TaskName
from treadle.packs.ai.threads import ThreadText

#: Raise with every change that may change an answer: it is part of the cache key.
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the algorithms say about one thread."""

    thread: ThreadText
    reading: Reading
    classified: Classified
    felt: Felt
    found: tuple[Found, ...]


def analyse(thread: ThreadText, learned: Model | None) -> Analysis:
    """Look at a thread once for all its tasks."""
    reading = read(thread)
    return Analysis(thread, reading, classify(reading, learned), sentiment(reading), find_tasks(reading))


class LocalProvider:
    """Real algorithms without an account. `learned` (see `ai.learn`) sharpens the categories."""

    name = "local"
    free = True

    def __init__(self, learned: Model | None = None, learned_at: int = 0) -> None:
        self._learned = learned
        self.model = f"rules+bayes@{learned_at}" if learned else "rules"
        self._last: Analysis | None = None

    def prompt_version(self, task: TaskName) -> str:
        """Name the version of the algorithm behind a task."""
        return VERSION

    def run(self, task: TaskName, thread: ThreadText, instructions: Instructions) -> Answer:
        """Answer one task. Equal threads get equal answers; nothing is asked of anybody."""
        output, confidence = _TASKS[task](self._analysis(thread))
        return Answer(output, confidence, self.model, self.prompt_version(task))

    def _analysis(self, thread: ThreadText) -> Analysis:
        """Remember the last thread: its five tasks come one after the other."""
        last = self._last
        if last is None or last.thread is not thread:
            last = self._last = analyse(thread, self._learned)
        return last


Told = tuple[dict[str, Any], float]


def _summarize(seen: Analysis) -> Told:
    summary = summarize(seen.reading)
    return {"summary": summary.text, "lang": seen.reading.lang}, summary.confidence


def _classify(seen: Analysis) -> Told:
    output = {"category": seen.classified.category, "suspicious_instructions": seen.reading.suspicious}
    return output, seen.classified.confidence


def _sentiment(seen: Analysis) -> Told:
    felt = seen.felt
    return {"sentiment": felt.sentiment, "score": felt.score, "because": list(felt.because)}, felt.confidence


def _tasks(seen: Analysis) -> Told:
    sure = [task.confidence for task in seen.found]
    return {"tasks": [asdict(task) for task in seen.found]}, round(sum(sure) / len(sure), 3) if sure else 0.7


def _reply(seen: Analysis) -> Told:
    draft = draft_reply(seen.reading, seen.classified.category, seen.felt.sentiment, seen.found)
    output = {
        "draft": draft.text,
        "reason": draft.reason,
        "to": draft.to,
        "subject": draft.subject,
        "lang": seen.reading.lang,
        "placeholders": draft.placeholders,
        "suspicious_instructions": seen.reading.suspicious,
    }
    return output, draft.confidence


_TASKS: Mapping[TaskName, Callable[[Analysis], Told]] = {
    "summarize": _summarize,
    "classify": _classify,
    "sentiment": _sentiment,
    "reply": _reply,
    "tasks": _tasks,
}
