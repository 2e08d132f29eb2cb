"""How good and how fast the local AI provider is: figures over the labelled threads in tests/packs/ai/labelled.

python -m bench.ai_local            # both halves and the speed; --json, --misses (what went wrong)
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from treadle.packs.ai.local.plain import without_links
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.local.reading import read
from treadle.packs.ai.local.words import fold, words
from treadle.packs.ai.ports import TASKS, Instructions
from treadle.packs.ai.threads import Letter, ThreadText

LABELLED = Path(__file__).parents[1] / "tests" / "packs" / "ai" / "labelled"
CAP = 320


def labelled(half: str) -> list[dict[str, Any]]:
    """Read one half: `tuning` (rules were written looking at it) or `heldout` (they were not)."""
    loaded: list[dict[str, Any]] = json.loads((LABELLED / f"{half}.json").read_text("utf-8"))
    return loaded


def thread_of(entry: Mapping[str, Any]) -> ThreadText:
    """Make the value that a provider gets."""
    return ThreadText(entry["subject"], tuple(letter_of(message) for message in entry["messages"]))


def letter_of(message: Mapping[str, Any]) -> Letter:
    """Make one letter of a labelled message."""
    return Letter(
        sender_name=message["from_name"],
        sender_email=message["from_email"],
        to=tuple(message["to"]),
        sent_at=int(datetime.fromisoformat(message["at"]).timestamp() * 1000),
        text="\n".join(message["text"]),
        direction=message["direction"],
        list_id=message["list_id"],
        auto_submitted=message["auto_submitted"],
    )


@dataclass
class Score:
    """Counts of one half, and what went wrong."""

    threads: int = 0
    pairs: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {"category": [], "sentiment": []})
    facts: int = 0
    facts_told: int = 0
    facts_lead: int = 0
    tasks: int = 0
    tasks_hit: int = 0
    tasks_found: int = 0
    dues: int = 0
    dues_exact: int = 0
    replies_right: int = 0
    misses: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Give the figures that the tests hold against their floors."""
        return {
            "threads": self.threads,
            "category_accuracy": _share(sum(a == b for a, b in self.pairs["category"]), self.threads),
            "category_f1": macro_f1(self.pairs["category"]),
            "sentiment_accuracy": _share(sum(a == b for a, b in self.pairs["sentiment"]), self.threads),
            "sentiment_f1": macro_f1(self.pairs["sentiment"]),
            "negative_recall": _recall(self.pairs["sentiment"], "negative"),
            "facts": _share(self.facts_told, self.facts),
            "facts_lead": _share(self.facts_lead, self.facts),
            "tasks_recall": _share(self.tasks_hit, self.tasks),
            "tasks_precision": _share(self.tasks_hit, self.tasks_found),
            "due_exact": _share(self.dues_exact, self.dues),
            "draft_or_not": _share(self.replies_right, self.threads),
        }


def judge(entries: Sequence[Mapping[str, Any]], provider: LocalProvider | None = None) -> Score:
    """Run all five tasks on every thread and compare with the labels."""
    score, provider = Score(), provider or LocalProvider()
    for entry in entries:
        thread = thread_of(entry)
        answers = {task: provider.run(task, thread, Instructions()).output for task in TASKS}
        score.threads += 1
        for kind, task in (("category", "classify"), ("sentiment", "sentiment")):
            score.pairs[kind].append((entry[kind], answers[task][kind]))  # type: ignore[index]  # a name of TASKS
            if entry[kind] != answers[task][kind]:  # type: ignore[index]  # a name of TASKS
                score.misses.append(f"{entry['id']} {kind}: {answers[task][kind]} instead of {entry[kind]}")  # type: ignore[index]
        _judge_facts(score, entry, thread, answers["summarize"]["summary"])
        _judge_tasks(score, entry, answers["tasks"]["tasks"])
        drafted = answers["reply"]["draft"] is not None
        score.replies_right += drafted == entry["reply"]
        if drafted != entry["reply"]:
            score.misses.append(f"{entry['id']} draft: {answers['reply']['reason']}")
    return score


def _judge_facts(score: Score, entry: Mapping[str, Any], thread: ThreadText, summary: str) -> None:
    lead = _lead(thread)
    for fact in entry["facts"]:
        score.facts += 1
        told = _tells(f"{thread.subject} {summary}", fact)
        score.facts_told += told
        score.facts_lead += _tells(f"{thread.subject} {lead}", fact)
        if not told:
            score.misses.append(f"{entry['id']} fact: {fact!r} not in {summary!r}")


def _lead(thread: ThreadText) -> str:
    """The baseline: the first sentences of the newest letter, greeting left out, in the same 320 characters."""
    reading = read(thread)
    last = len(reading.letters) - 1
    text = " ".join(said.text for said in reading.said if said.letter == last and len(said.words) > 3)
    return without_links(text)[:CAP]


def _tells(text: str, fact: str) -> bool:
    return any(fold(way) in fold(text) for way in fact.split("|"))


def _judge_tasks(score: Score, entry: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    left = list(found)
    score.tasks_found += len(found)
    for wanted in entry["tasks"]:
        score.tasks += 1
        score.dues += wanted["due"] is not None
        hit = next((task for task in left if _is(task, wanted["words"])), None)
        if hit is None:
            score.misses.append(f"{entry['id']} task missed: {wanted['words']}")
            continue
        left.remove(hit)
        score.tasks_hit += 1
        score.dues_exact += wanted["due"] is not None and hit["due"] == wanted["due"]
        if hit["due"] != wanted["due"]:
            score.misses.append(f"{entry['id']} due: {hit['due']} instead of {wanted['due']} in {hit['quote']!r}")
    score.misses += [f"{entry['id']} task too many: {task['title']!r}" for task in left]


def _is(task: Mapping[str, Any], wanted: str) -> bool:
    """A task is the wanted one if the stems of its wanted words stand in title or quote."""
    text = set(words(f"{task['title']} {task['quote']}"))
    return all(any(word[:5] == stem[:5] or word.startswith(stem[:4]) for word in text) for stem in words(wanted))


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Average the F1 of the classes that occur among the labels."""
    scores = []
    for name in sorted({label for label, _ in pairs}):
        hits = sum(a == b == name for a, b in pairs)
        scores.append(2 * hits / (sum(a == name for a, _ in pairs) + sum(b == name for _, b in pairs)))
    return round(sum(scores) / len(scores), 3)


def _recall(pairs: Sequence[tuple[str, str]], name: str) -> float:
    return _share(sum(a == b == name for a, b in pairs), sum(a == name for a, _ in pairs))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 1.0


def speed(rounds: int = 5) -> dict[str, float]:
    """Measure CPU milliseconds per letter for all five tasks together; the tables are loaded before."""
    threads = [thread_of(entry) for half in ("tuning", "heldout") for entry in labelled(half)]
    letters = sum(len(thread.messages) for thread in threads)
    taken = []
    for _ in range(rounds + 1):
        provider = LocalProvider()
        start = time.process_time()
        for thread in threads:
            for task in TASKS:
                provider.run(task, thread, Instructions())
        taken.append((time.process_time() - start) * 1000 / letters)
    return {"ms_per_letter": round(median(taken[1:]), 3), "letters": letters}


def run() -> dict[str, Any]:
    """Measure everything, for `dev.py bench`."""
    return {half: judge(labelled(half)).figures() for half in ("tuning", "heldout")} | {"speed": speed()}


def main(arguments: Sequence[str]) -> None:
    """Print the figures."""
    if "--misses" in arguments:
        print("\n".join(judge(labelled("tuning")).misses))
        return
    figures = run()
    if "--json" in arguments:
        print(json.dumps(figures))
        return
    for half, values in figures.items():
        print(half, *(f"  {name:20} {value}" for name, value in values.items()), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
