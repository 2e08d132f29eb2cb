"""The outbox: jobs enqueued in a transaction of the application's database, where jobs are kept elsewhere.

in the caller's transaction      row in `outbox`            commits or not, with the caller's own writes
any worker, soon after           row ──add──> store         at least once; the job's id makes it one job
                                 row deleted
"""

from treadle.stores.outbox.enlisted import OutboxEnlisted
from treadle.stores.outbox.relay import Relay, relay_for

__all__ = ["OutboxEnlisted", "Relay", "relay_for"]
