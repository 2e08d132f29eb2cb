"""Finding an application by where it stands: `MODULE:NAME`, for the command line and for child processes."""

import importlib
import sys
from collections.abc import Callable
from inspect import isfunction, signature
from typing import TYPE_CHECKING, Any

from treadle.core.errors import ConfigError

if TYPE_CHECKING:
    from treadle.app import Treadle


def find_application(module: str, name: str) -> "Treadle":
    """Import a module and get the application of that name (or call the factory of that name). Raises ConfigError."""
    from treadle.app import Treadle

    found: Any = _module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if isfunction(found):
        found = _made_by(found, f"{module}:{name}")
    if not isinstance(found, Treadle):
        raise ConfigError(f"{module}:{name} is not a Treadle application. Is it `{name} = Treadle(…)` in {module}?")
    return found


def parse(reference: str) -> tuple[str, str]:
    """Split `MODULE:NAME`; the name is `app` where none is given."""
    module, _, name = reference.partition(":")
    if not module or not all(part.isidentifier() for part in (*module.split("."), *(name or "app").split("."))):
        raise ConfigError(f"{reference!r} names no application; write MODULE:NAME, such as myproject.jobs:app.")
    return module, name or "app"


def place_of(app: "Treadle") -> tuple[str, str] | None:
    """Find where an application stands at the top of an imported module; None if it does not."""
    if app.place:
        return app.place
    # A module that a child can import comes before the script that was started.
    for module in sorted(sys.modules.values(), key=lambda each: getattr(each, "__name__", "") == "__main__"):
        for name, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
            if value is app:
                return module.__name__, name
    return None


def _made_by(factory: Callable[[], Any], reference: str) -> Any:
    if any(each.default is each.empty for each in signature(factory).parameters.values()):
        raise ConfigError(f"{reference} is not a Treadle application; a factory of one takes no arguments.")
    return factory()


def _module(module: str) -> Any:
    if module == "__main__":
        # multiprocessing gives a child the script that started its parent under this name.
        return sys.modules.get("__mp_main__") or sys.modules["__main__"]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            raise ConfigError(
                f"There is no module {module!r} here. Is the folder right, and the package installed?"
            ) from None
        raise ConfigError(f"{module} cannot be imported: it needs {error.name!r}, which is not installed.") from error
