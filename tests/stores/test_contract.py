"""The contract that the package ships, on each store of the `store` fixture."""

# ruff: noqa: F403
from treadle.testing.contract import *
