"""Acting in a child of this process that is a fork of it."""

import os
import warnings
from collections.abc import Callable

import pytest

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this platform: no fork")


def in_a_fork(act: Callable[[], str]) -> str:
    """Run this in a forked child and answer what it gives."""
    ear, mouth = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12+ warns of forks beside threads: our subject
        child = os.fork()
    if child == 0:
        try:
            os.write(mouth, act().encode())
        except BaseException as error:
            os.write(mouth, repr(error).encode())
        finally:
            os._exit(0)
    os.close(mouth)
    with open(ear, "rb") as file:
        said = file.read().decode()
    os.waitpid(child, 0)
    return said
