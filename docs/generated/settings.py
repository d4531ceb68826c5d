"""Every setting of the server extension, from the traits themselves."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

from traitlets import Bool, CaselessStrEnum, Dict, Enum, Float, Int, List, TraitType, Type, Unicode
from traitlets.config import Configurable

from workspace_launcher.extension import WorkspaceLauncherApp

from .text import code, escaped, prose

KINDS: tuple[tuple[type, str], ...] = (
    (Unicode, "text"),
    (Bool, "`True` or `False`"),
    (Int, "whole number"),
    (Float, "number"),
    (Type, "class, by its dotted name"),
)


def markdown() -> str:
    """Return a section for each configurable, with all its settings."""
    return "\n".join(_section(kind) for kind in configurables())


def configurables() -> list[type[Configurable]]:
    """Return the classes that the extension takes settings for."""
    return list(WorkspaceLauncherApp.classes)


def traits_of(kind: type[Configurable]) -> dict[str, TraitType[Any, Any]]:
    """Return the settings of a class that are its own, by name, in the order of the source."""
    return {
        name: trait
        for name, trait in vars(kind).items()
        if isinstance(trait, TraitType) and trait.metadata.get("config")
    }


def _section(kind: type[Configurable]) -> str:
    name = kind.__name__
    head = f"({name})=\n## {name}\n\n{prose(getdoc(kind) or '')}\n"
    return "\n".join([head, *(_setting(f"{name}.{trait}", found) for trait, found in traits_of(kind).items())])


def _setting(name: str, trait: TraitType[Any, Any]) -> str:
    return (
        f":::{{confval}} {name}\n:type: {type_of(trait)}\n:default: {code(_default(trait))}\n\n"
        f"{escaped(trait.help)}\n:::\n"
    )


def type_of(trait: Any) -> str:
    """Return in Markdown what may be given for a trait."""
    if isinstance(trait, (Enum, CaselessStrEnum)):
        return "one of " + ", ".join(code(repr(value)) for value in trait.values or ())
    if isinstance(trait, List):
        return f"list of {type_of(trait._trait)}"
    if isinstance(trait, Dict):
        return "dictionary"
    return next((words for kind, words in KINDS if isinstance(trait, kind)), escaped(trait.info()))


def _default(trait: TraitType[Any, Any]) -> str:
    value = trait.default()
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else repr(value)
