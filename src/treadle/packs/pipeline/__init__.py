"""The pipeline: from a mailbox to a digest, in jobs of the packs mail, ai, crm and notify."""

from treadle.packs.pipeline.tasks import finish, finish_id, pack, run_mailbox

__all__ = ["finish", "finish_id", "pack", "run_mailbox"]
