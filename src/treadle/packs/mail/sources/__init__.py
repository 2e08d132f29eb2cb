"""Mailboxes on disk: which format a path is, and a stream of raw messages out of it. Nothing here parses a message."""

from treadle.packs.mail.sources.detecting import NotAMailbox, open_source
from treadle.packs.mail.sources.item import Item, Refused, Source

__all__ = ["Item", "NotAMailbox", "Refused", "Source", "open_source"]
