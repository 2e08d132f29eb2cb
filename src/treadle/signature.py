"""Between a call's arguments and their JSON: bound by name, checked against the function's signature.

The check is a typed decode (msgspec), the same at the door and in the worker: what a worker would
refuse is refused when it is enqueued.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, get_type_hints

from treadle.core.errors import ConfigError, InvalidArguments, PayloadTooLarge, SoftTimeout

_KINDS = inspect.Parameter


class Signature:
    """The parameters of a task's function, less the context."""

    def __init__(self, task: str, function: Callable[..., Any], context: bool) -> None:
        self._task, self._function = task, function
        parameters = _parameters(task, function)
        if context:
            if not parameters or parameters[0].kind not in (_KINDS.POSITIONAL_ONLY, _KINDS.POSITIONAL_OR_KEYWORD):
                raise ConfigError(f"{task}: with context=True the function's first parameter receives the context.")
            parameters = parameters[1:]
        if any(parameter.kind is _KINDS.VAR_POSITIONAL for parameter in parameters):
            raise ConfigError(f"{task}: *args cannot be kept by name; use a parameter that takes a list.")
        self._open = any(parameter.kind is _KINDS.VAR_KEYWORD for parameter in parameters)
        named = [parameter for parameter in parameters if parameter.kind is not _KINDS.VAR_KEYWORD]
        self._named = {parameter.name: parameter for parameter in named}
        self._places = [p.name for p in named if p.kind is not _KINDS.KEYWORD_ONLY]
        self._bare = [p.name for p in named if p.kind is _KINDS.POSITIONAL_ONLY]
        self._required = [p.name for p in named if p.default is _KINDS.empty]
        self.defaults = {p.name: p.default for p in named if p.default is not _KINDS.empty}
        self._all_names, self._needed = frozenset(self._named), frozenset(self._required)

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Bind, check and write a call's arguments as JSON. Raises InvalidArguments that names the argument."""
        bound, codec = self._bind(args, kwargs), self._codec
        try:
            text: bytes = codec.encode(bound)
        except SoftTimeout:
            raise
        except Exception as error:  # noqa: BLE001 - lone surrogates, cycles, what a model's own encoder raises
            raise InvalidArguments(self._task, f"an argument cannot be written as JSON: {error}") from None
        if b"null" in text and codec.has_no_number(bound):
            raise InvalidArguments(self._task, "NaN and infinity have no JSON form; pass None or a string.")
        try:
            codec.check(text)
        except codec.mismatch as error:
            wrong = _said(str(error))
        else:
            return text.decode()
        raise InvalidArguments(self._task, wrong)

    def encode_many(self, calls: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Check and write many calls whose arguments are given by name; raises as `encode` does."""
        codec = self._codec
        try:
            texts = list(map(codec.encode, calls))
            whole = b"[" + b",".join(texts) + b"]"
            if b"null" not in whole:  # which may stand for a number that is none
                codec.check_many(whole)  # refuses missing and unknown names, too
                return texts
        except SoftTimeout:
            raise
        except Exception:  # noqa: BLE001 - said below, of the call that it is about
            pass
        return [self.encode((), call).encode() for call in calls]

    def decode(self, text: str) -> tuple[list[Any], dict[str, Any]]:
        """Read and check arguments from JSON. Raises InvalidArguments where they do not fit the signature."""
        values = self._read(text)
        return [values.pop(name) for name in self._bare if name in values], values

    def unknown(self, names: Iterable[str]) -> str | None:
        """Name the first of these that is no argument; None if all are."""
        strange = None if self._open else next((name for name in names if name not in self._named), None)
        if strange is None:
            return None
        from difflib import get_close_matches

        close = get_close_matches(strange, self._named, n=1)
        return f"there is no argument {strange!r}." + (f" Did you mean {close[0]!r}?" if close else "")

    def takes(self, name: str) -> bool:
        """Say whether an argument may have this name."""
        return self._open or name in self._named

    @cached_property
    def plain_defaults(self) -> dict[str, Any]:
        """The defaults as JSON would have them; without those that it cannot have."""
        import msgspec

        found = {}
        for name, default in self.defaults.items():
            try:
                found[name] = msgspec.to_builtins(default, enc_hook=_reduce, str_keys=True)
            except SoftTimeout:
                raise
            except Exception:  # noqa: BLE001 - it is only ever used by those who leave the argument out
                continue
        return found

    def explain(self, names: Mapping[str, Any]) -> str | None:
        """Say what is wrong with a call's argument names; None if nothing is."""
        if wrong := self.unknown(names):
            return wrong
        missing = [name for name in self._required if name not in names]
        return f"the argument {missing[0]!r} is missing." if missing else None

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        if args:
            if len(args) > len(self._places):
                raise InvalidArguments(
                    self._task, f"takes {len(self._places)} positional arguments, but {len(args)} were given."
                )
            placed = dict(zip(self._places, args, strict=False))
            twice = placed.keys() & kwargs.keys()
            if twice:
                raise InvalidArguments(self._task, f"the argument {min(twice)!r} was given twice.")
            kwargs = placed | dict(kwargs)
        names = kwargs.keys()
        if not (self._needed <= names and (self._open or names <= self._all_names)):
            raise InvalidArguments(self._task, self.explain(kwargs) or "the arguments do not fit.")
        return kwargs

    def _read(self, text: str | bytes) -> dict[str, Any]:
        try:
            return self._codec.decode(text)
        except self._codec.mismatch as error:
            wrong = _said(str(error))
        raise InvalidArguments(self._task, wrong)

    @cached_property
    def _codec(self) -> "Codec":
        try:
            hints = get_type_hints(_annotated(self._function), include_extras=True)
            types = {name: hints.get(name, Any) for name in self._named}
            return Codec(types, frozenset(self._required), self._open)
        except SoftTimeout:
            raise  # of the job in whose time this happens
        except Exception as error:  # noqa: BLE001 - an annotation may raise anything, or have no JSON form
            raise ConfigError(f"{self._task}: its annotations cannot be used: {error}") from None


def _parameters(task: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{task}: its signature cannot be read ({error}); write a function around it.") from None
    in_class = "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]
    if in_class and parameters and parameters[0].name in ("self", "cls"):
        raise ConfigError(f"{task} is a method: no worker would have its {parameters[0].name}. Use a function.")
    return parameters


def _annotated(function: Callable[..., Any]) -> Any:
    """Find what carries the annotations: behind a partial its function, behind an object its `__call__`."""
    while isinstance(function, partial):
        function = function.func
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__


class Codec:
    """A typed JSON decoder for one set of parameters."""

    def __init__(self, types: Mapping[str, Any], required: frozenset[str], open: bool) -> None:
        import msgspec

        self.mismatch = (msgspec.ValidationError, msgspec.DecodeError)
        fields = [
            (name, kind) if name in required else (name, kind | msgspec.UnsetType, msgspec.UNSET)
            for name, kind in types.items()
        ]
        self._unset = msgspec.UNSET if len(required) < len(types) else None
        document = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=not open)
        self.check: Callable[[str | bytes], Any] = msgspec.json.Decoder(document, dec_hook=_revive).decode
        self._document, self._decoder = document, msgspec.json.Decoder
        self.encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_reduce).encode
        self._asdict = msgspec.structs.asdict
        self._builtins = msgspec.to_builtins
        self._open, self._loads = open, msgspec.json.decode

    @cached_property
    def check_many(self) -> Callable[[bytes], Any]:
        """Check a JSON array of such documents."""
        check: Callable[[bytes], Any] = self._decoder(list[self._document], dec_hook=_revive).decode  # type: ignore[name-defined]  # made at run time
        return check

    def has_no_number(self, values: Mapping[str, Any]) -> bool:
        """Say whether a float among these is no number; it would be written as null."""
        return _has_no_number(self._builtins(values, enc_hook=_reduce, str_keys=True))

    def decode(self, text: str | bytes) -> dict[str, Any]:
        values: dict[str, Any] = self._asdict(self.check(text))
        if self._unset is not None:
            values = {name: value for name, value in values.items() if value is not self._unset}
        return self._loads(text) | values if self._open else values


def _has_no_number(value: Any) -> bool:
    match value:
        case float():
            return not math.isfinite(value)
        case dict():
            return any(_has_no_number(each) for each in value.values())
        case list() | tuple():
            return any(_has_no_number(each) for each in value)
    return False


def _reduce(value: Any) -> Any:
    """Make what JSON has no word for from its own method: pydantic models."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form; pass an id, a dict or a dataclass")


def _revive(kind: Any, value: Any) -> Any:
    if hasattr(kind, "model_validate"):
        return kind.model_validate(value)
    raise TypeError(f"the annotation {kind!r} has no JSON form")


def _said(error: str) -> str:
    """Turn "Expected `str`, got `int` - at `$.user_id`" into a sentence that begins with the argument."""
    what, _, where = error.partition(" - at ")
    path = where.strip("`").removeprefix("$.")
    what = what[:1].lower() + what[1:]
    return f"the argument {path!r}: {what}." if path and path != "$" else f"{what}."


class ResultCodec:
    """Writes what a task returned as JSON text."""

    def __init__(self, task: str, limit: int) -> None:
        self._task, self._limit = task, limit

    def __call__(self, value: Any) -> str | None:
        """Write it, NaN and infinity as null; None has no text. Raises InvalidArguments or PayloadTooLarge."""
        if value is None:
            return None
        try:
            text: bytes = self._encoder.encode(value)
        except Exception as error:  # noqa: BLE001 - as with arguments
            raise InvalidArguments(self._task, f"its result cannot be written as JSON: {error}") from None
        if len(text) > self._limit:
            raise PayloadTooLarge(self._task, "results", len(text), self._limit)
        return text.decode()

    @cached_property
    def _encoder(self) -> Any:
        import msgspec

        return msgspec.json.Encoder(enc_hook=_reduce)


def read_result(function: Callable[..., Any] | None, text: str | None) -> Any:
    """Read a result back, as the type that the function says it returns where that can be."""
    import msgspec

    if text is None:
        return None
    try:
        kind = get_type_hints(_annotated(function)).get("return", Any) if function else Any
        return msgspec.json.decode(text, type=kind, dec_hook=_revive)
    except Exception:  # noqa: BLE001 - the annotation has changed; plain JSON is better than nothing
        return msgspec.json.decode(text)
