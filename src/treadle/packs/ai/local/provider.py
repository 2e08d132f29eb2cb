"""The local provider: answers every task from the thread alone, at once, for nothing."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from treadle.packs.ai.local.bayes import Model
from treadle.packs.ai.local.classify import Classified, classify
from treadle.packs.ai.local.injection import suspicious_instructions
from treadle.packs.ai.local.reading import Reading, read
from treadle.packs.ai.local.reply import draft_reply
from treadle.packs.ai.local.sentiment import sentiment
from treadle.packs.ai.local.summarize import summarize
from treadle.packs.ai.local.tasks_found import Found, find_tasks
from treadle.packs.ai.ports import Answer, Instructions, TaskName
from treadle.packs.ai.threads import ThreadText

#: Raise with every change that may change an answer: it is part of the cache key.
VERSION = "1"


class LocalProvider:
    """Real algorithms without an account. `learned` (see `ai.learn`) sharpens the categories."""

    name = "local"

    def __init__(self, learned: Model | None = None, learned_at: int = 0) -> None:
        self._learned = learned
        self.model = f"rules+bayes@{learned_at}" if learned else "rules"
        self._last: tuple[ThreadText, Reading] | None = None

    def prompt_version(self, task: TaskName) -> str:
        """Name the version of the algorithm behind a task."""
        return VERSION

    def run(self, task: TaskName, thread: ThreadText, instructions: Instructions) -> Answer:
        """Answer one task. Equal threads get equal answers; nothing is asked of anybody."""
        output, confidence = _TASKS[task](self, thread)
        return Answer(output, confidence, self.model, self.prompt_version(task))

    def _reading(self, thread: ThreadText) -> Reading:
        """Read a thread once for all its tasks."""
        if self._last is None or self._last[0] is not thread:
            self._last = (thread, read(thread))
        return self._last[1]

    def _classified(self, reading: Reading) -> Classified:
        return classify(reading, self._learned)

    def _summarize(self, thread: ThreadText) -> tuple[dict[str, Any], float]:
        reading = self._reading(thread)
        summary = summarize(reading)
        return {"summary": summary.text, "lang": reading.lang}, summary.confidence

    def _classify(self, thread: ThreadText) -> tuple[dict[str, Any], float]:
        reading = self._reading(thread)
        found = self._classified(reading)
        flag = suspicious_instructions(thread, reading)
        return {"category": found.category, "suspicious_instructions": flag}, found.confidence

    def _sentiment(self, thread: ThreadText) -> tuple[dict[str, Any], float]:
        felt = sentiment(self._reading(thread))
        output = {"sentiment": felt.sentiment, "score": felt.score, "because": list(felt.because)}
        return output, felt.confidence

    def _tasks(self, thread: ThreadText) -> tuple[dict[str, Any], float]:
        found = find_tasks(self._reading(thread))
        return {"tasks": [asdict(task) for task in found]}, _mean(found)

    def _reply(self, thread: ThreadText) -> tuple[dict[str, Any], float]:
        reading = self._reading(thread)
        category = self._classified(reading).category
        draft = draft_reply(reading, category, sentiment(reading).sentiment, find_tasks(reading))
        flag = suspicious_instructions(thread, reading)
        output = {
            "draft": draft.text,
            "reason": draft.reason,
            "to": draft.to,
            "subject": draft.subject,
            "lang": reading.lang,
        }
        return output | {"placeholders": draft.placeholders, "suspicious_instructions": flag}, draft.confidence


def _mean(found: tuple[Found, ...]) -> float:
    return round(sum(task.confidence for task in found) / len(found), 3) if found else 0.7


_TASKS: dict[TaskName, Callable[[LocalProvider, ThreadText], tuple[dict[str, Any], float]]] = {
    "summarize": LocalProvider._summarize,
    "classify": LocalProvider._classify,
    "sentiment": LocalProvider._sentiment,
    "reply": LocalProvider._reply,
    "tasks": LocalProvider._tasks,
}
