"""The command `treadle`. Commands import what they need when they run: `--help` loads next to nothing."""

from treadle.cli.root import main

__all__ = ["main"]
