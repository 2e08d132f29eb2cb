"""This host's clock, for what a store's own clock does not decide."""

import time


def wall_clock() -> int:
    """Read the milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000
