"""What tests of Treadle, of its users and of further stores need. The store contract is `treadle.testing.contract`."""

from treadle.testing.clock import FakeClock

__all__ = ["FakeClock"]
