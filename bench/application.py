"""The application that is measured: one task that does nothing with an average job's arguments."""

from typing import Any

from treadle import Treadle

#: About 300 bytes of JSON, as an average job of a mail and AI back end has.
ARGUMENTS = {
    "user_id": "7b0c2d0e-7f6b-4f0e-9a61-3a8f7f1c2b44", "thread_id": "18c2f4a9b7d3e5f1", "provider": "gmail",
    "tasks": ["summarize", "classify", "sentiment", "reply"], "lookback_days": 90, "full_sync": False,
    "options": {"language": "en", "max_tokens": 512, "temperature": 0.2},
    "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}  # fmt: skip


def application(url: str, slots: int = 100) -> tuple[Treadle, Any]:
    """Make it, with its task."""
    app = Treadle(url, concurrency=slots)

    @app.task
    async def noop(
        user_id: str, thread_id: str, provider: str, tasks: list[str], lookback_days: int, full_sync: bool,
        options: dict[str, str | int | float], trace: str,
    ) -> None:  # fmt: skip
        return None

    return app, noop


async def fill(app: Treadle, noop: Any, jobs: int) -> None:
    """Enqueue so many."""
    for _ in range(0, jobs, 1_000):
        await noop.aenqueue_many([ARGUMENTS] * min(jobs, 1_000))
