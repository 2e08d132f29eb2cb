"""The mail pack: mailboxes come in, are parsed, threaded and kept; other packs read them through `reading`."""

from treadle.packs.mail.tasks import pack

__all__ = ["pack"]
