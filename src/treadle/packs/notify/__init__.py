"""The notify pack: a digest of the day, rendered to HTML and text, into a file outbox."""

from treadle.packs.notify.tasks import pack

__all__ = ["pack"]
