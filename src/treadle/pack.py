"""A pack: tasks, resources, tables and commands declared without an application, and plugged into one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from treadle.declare import Declaring
from treadle.task import Task, TaskOptions, make_task

if TYPE_CHECKING:
    from treadle.app import Treadle

T = TypeVar("T")


class Pack(Declaring):
    """Tasks named `<pack>.<function>`, ready to be included in an application.

    `needs` are the modules without which its tasks cannot run, `extra` is the extra of Treadle that brings them.
    """

    def __init__(self, name: str, *, needs: Sequence[str] = (), extra: str = "all") -> None:
        self.name, self.needs, self.extra = name, tuple(needs), extra
        self.tasks: dict[str, Task[Any, Any]] = {}
        self.factories: dict[type[Any], Callable[[Treadle], Any]] = {}

    def provide(self, kind: type[T], factory: "Callable[[Treadle], T]") -> None:
        """Register how to make this process's one resource of a type; an application may provide another."""
        self.factories[kind] = factory

    def declare(self, fn: Callable[..., Any], name: str | None, options: TaskOptions) -> Task[Any, Any]:
        task = make_task(fn, f"{self.name}.{name or fn.__name__}", options, None)
        self.tasks[task.name] = task
        return task

    def __repr__(self) -> str:
        return f"<Pack {self.name}>"
