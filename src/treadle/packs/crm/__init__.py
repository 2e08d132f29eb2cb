"""The crm pack: contacts and leads out of the mail, with scores that say why."""

from treadle.packs.crm.tasks import pack

__all__ = ["pack"]
