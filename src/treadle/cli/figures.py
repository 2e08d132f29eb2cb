"""What came out of a run, as figures: one shape for machines, one table for people. Pure."""

import json
from typing import Any

from treadle.cli.following import View

COUNTED = ("messages", "threads", "summaries", "labels", "tasks", "drafts", "contacts", "leads", "failures")
CALLED = {"tasks": "tasks found", "jobs_per_second": "jobs/s"}


def figures(view: View, store: str) -> dict[str, Any]:
    """Sum up a run that is over."""
    answer = json.loads(view.finish.result) if view.finish and view.finish.result else {}
    seconds, jobs = view.seconds, view.ended_jobs
    counted = {name: answer.get(name, 0) for name in COUNTED}
    return {
        "status": "completed" if view.completed and not view.failed_jobs else "failed",
        "run": view.run.id,
        **counted,
        "jobs": jobs,
        "jobs_failed": view.failed_jobs,
        "seconds": round(seconds, 3),
        "jobs_per_second": round(jobs / seconds, 1) if seconds > 0 else 0.0,
        "digest": answer.get("digest"),
        "store": store,
    }


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay the figures out for people."""
    names = [*COUNTED, "jobs", "seconds", "jobs_per_second"]
    return [(CALLED.get(name, name), _number(found[name])) for name in names]


def nothing_new(found: dict[str, Any]) -> bool:
    """Tell whether a run found only what was there before."""
    return found["status"] == "completed" and not found["messages"] and not found["failures"]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
