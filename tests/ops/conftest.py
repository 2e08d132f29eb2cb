"""Workers by hand, as the contract has them, on every store."""

from treadle.testing.contract.scene import hire as hire
