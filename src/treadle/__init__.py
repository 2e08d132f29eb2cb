"""Treadle does an application's background work: durable jobs, and finished packs of them."""

from treadle.app import Treadle
from treadle.core.errors import (
    BudgetSpent,
    Cancel,
    ConfigError,
    Discard,
    DuplicateJob,
    InvalidArguments,
    JobFailed,
    JobNotDone,
    JobNotFound,
    MissingExtra,
    NotDone,
    OutcomeUnknown,
    PayloadTooLarge,
    ResultExpired,
    RetryLater,
    Skip,
    Snooze,
    SoftTimeout,
    Stopped,
    StoreError,
    StoreUnavailable,
    TooManyJobs,
    TreadleError,
    UnknownTask,
)
from treadle.core.ids import Ids
from treadle.core.job import Progress, Snapshot
from treadle.core.retry import NEVER, Exponential, Fixed, Retry
from treadle.core.states import State
from treadle.engine.context import Context
from treadle.handle import Job
from treadle.keep import Keep
from treadle.limits import Budget, Limit, Rate
from treadle.pack import Pack
from treadle.task import Task
from treadle.unique import Debounce, Throttle, Unique

__version__ = "0.1.0"

__all__ = [
    "NEVER", "Budget", "BudgetSpent", "Cancel", "ConfigError", "Context", "Debounce", "Discard", "DuplicateJob",
    "Exponential", "Fixed", "Ids", "InvalidArguments", "Job", "JobFailed", "JobNotDone", "JobNotFound", "Keep", "Limit",
    "MissingExtra", "NotDone", "OutcomeUnknown", "Pack", "PayloadTooLarge", "Progress", "Rate", "ResultExpired",
    "Retry", "RetryLater", "Skip", "Snapshot", "Snooze", "SoftTimeout", "State", "Stopped", "StoreError",
    "StoreUnavailable", "Task", "Throttle", "TooManyJobs", "Treadle", "TreadleError", "Unique", "UnknownTask",
]  # fmt: skip
