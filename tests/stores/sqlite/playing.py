"""Starts the actors of `actors.py`, hears them and ends them."""

import os
import select
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"


class Actor:
    """Another process that speaks in lines."""

    def __init__(self, act: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("actors.py")), act, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        assert self.process.stdin
        assert self.process.stdout
        self._mouth, self._ear = self.process.stdin, self.process.stdout

    def hear(self) -> str:
        """Wait for a line."""
        return self._ear.readline().strip()

    def has_spoken(self) -> bool:
        """Say whether there is something to hear now."""
        return bool(select.select([self._ear], [], [], 0)[0])

    def tell(self, word: str = "go") -> None:
        self._mouth.write(word + "\n")
        self._mouth.flush()

    def rest(self) -> list[str]:
        """Read all that it still says; it must end by itself or have been killed."""
        return [line.strip() for line in self._ear]

    def end(self) -> list[str]:
        """Wait for its good end and answer what it said until then."""
        said = self.rest()
        assert self.process.wait() == 0, said
        return said

    def kill(self) -> None:
        """End it as SIGKILL does, in the middle of whatever it is doing."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._mouth.close()
        self._ear.close()
