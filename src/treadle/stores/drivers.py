"""The libraries that speak to servers: extras, looked for only where a URL asks for one."""

import importlib.util

from treadle.core.errors import MissingDriver


def need(extra: str, library: str, what: str) -> None:
    """Raise MissingDriver, with the command that installs it, unless this library is there."""
    if importlib.util.find_spec(library) is None:
        raise MissingDriver(extra, library, what)
