"""What a mail thread says: summary, category, sentiment, tasks, a draft reply. Mail itself is another pack's work."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.packs.ai.tasks import pack

__all__ = ["pack"]


def __getattr__(name: str) -> object:
    """Import the tasks only when somebody asks for the pack: the algorithms and tables are used without them."""
    if name == "pack":
        from treadle.packs.ai.tasks import pack

        return pack
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
