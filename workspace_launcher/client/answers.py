"""From the server's JSON to models, and the answers that are no model of the server's.

A field that this version does not know is left out, so that a newer server can be talked with.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from ..errors import LauncherError
from ..gpu_models import GpuUse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class User:
    """Who the server takes the caller for."""

    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class EngineState:
    """The server's container engine; ``message`` says why it is not reachable."""

    kind: str
    version: str | None
    api_version: str | None
    runtimes: tuple[str, ...] = ()
    reachable: bool = True
    message: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """``GET /info``. Sizes in ``defaults`` and ``limits`` are bytes."""

    version: str
    user: User
    engine: EngineState
    defaults: Mapping[str, Any]
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """``GET …/stats``: 100 percent is one core, memory is bytes."""

    cpu_percent: float
    memory: int
    memory_limit: int | None = None
    gpus: tuple[GpuUse, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandResult:
    """``POST …/exec``: output and error output as they came."""

    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream; ``data`` is a model for ``workspace``, ``operation`` and ``snapshot``, else JSON."""

    kind: str
    data: Any


def decode(kind: type[T], value: Any) -> T:
    """Return JSON as a dataclass.

    Raises
    ------
    LauncherError
        It is not of that shape: what answered is no workspace launcher, or one of another age.
    """
    try:
        return typing.cast(T, _dataclass(kind, value))
    except (KeyError, TypeError, ValueError) as error:
        raise LauncherError(
            f"The server's answer is not understood ({kind.__name__}: {error}). Is it of another version?",
            reason="not_understood",
        ) from None


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _dataclass(kind: type, value: Mapping[str, Any]) -> Any:
    hints, known = _hints(kind), {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: _value(hints[name], item) for name, item in dict(value).items() if name in known})


def _value(hint: Any, value: Any) -> Any:
    if hint is Any or value is None:
        return value
    if hint is datetime:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))  # Python 3.10 knows no Z
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(next(argument for argument in arguments if argument is not type(None)), value)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in value)
    if not isinstance(hint, type):
        return value
    if issubclass(hint, Enum):
        return hint(value)
    return _dataclass(hint, value) if dataclasses.is_dataclass(hint) else value
