"""``from farmhand import Component, Spec``: a run described in Python.

These keep what they are given and nothing more; what it means is the business of the same models
that read YAML. Only the standard library is imported here: the process that runs somebody's
configuration must hold none of farmhand's rooms, whose everyday names (``outputs``, ``reports``)
may be those of modules beside the configuration.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

Text: TypeAlias = "str | int | float | os.PathLike[str]"
"""What reaches a command as text: numbers as Python prints them."""
Block: TypeAlias = "Mapping[str, Any]"
Files: TypeAlias = "str | os.PathLike[str] | Block | Sequence[str | os.PathLike[str] | Block]"

_HEPPY = {  # heppy's words, and what to write here
    "splitFactor": "write split=",
    "fineSplitFactor": "write events_per_chunk=, which cuts by events",
    "tree_name": "write tree=",
    "xSection": "give it as params={'xSection': …}",
    "nGenEvents": "give it as params={'nGenEvents': …}",
    "isMC": "give it as params={'isMC': 1}",
    "triggers": "give them as params={'triggers': 'A,B'}",
}


class Keys:
    """What Component and Spec have in common: known keys only, and the line that made one."""

    _own: ClassVar[tuple[str, ...]] = ()
    _made_at: tuple[str, int]

    def __new__(cls, *_: object, **given: object) -> Self:
        """Refuse unknown keywords with the nearest known one, and note the caller's line."""
        known = cls.__dict__.get("__dataclass_fields__", given)  # a subclass may take others
        for key in given:
            if key not in known:
                raise TypeError(_unknown(cls.__name__, key, cls._own))
        made = super().__new__(cls)
        object.__setattr__(made, "_made_at", _caller())
        return made

    if not TYPE_CHECKING:  # a checker that sees it would let every key pass

        def __setattr__(self, key: str, value: object) -> None:
            """Set a key that exists; a misspelt one would be lost without a word."""
            kind = type(self)
            theirs = hasattr(kind, key) and not hasattr(Keys, key)  # of a subclass
            if not theirs and key not in kind.__dict__.get("__dataclass_fields__", self._own):
                raise AttributeError(_unknown(kind.__name__, key, self._own))
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        """Show the keys that were given."""
        shown = ", ".join(f"{key}={value!r}" for key, value in given_keys(self).items())
        return f"{type(self).__name__}({shown})"


@dataclass(eq=False, repr=False)
class Component(Keys):
    """A named part of a run: a data set or a sample, with its files and how they are cut.

    Every key can also be set later (``component.split = 4``). None stands for "not given".
    """

    name: str
    _: KW_ONLY
    files: Files | None = None
    split: int | str | None = None
    files_per_chunk: int | str | None = None
    one_per_file: bool | None = None
    events_per_chunk: int | str | None = None
    events: Files | None = None
    events_per_job: int | str | None = None
    tail: str | None = None
    max_events: int | str | None = None
    tree: str | None = None
    work: Block | None = None
    shards: int | str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class Spec(Keys):
    """One run. Paths are relative to the directory of the configuration file."""

    name: str | None = None
    _: KW_ONLY
    work: Block | None = None
    components: Any = field(default_factory=list)
    """A list of Component, or a dict of Component or plain dicts by name."""
    shards: int | str | None = None
    shard_name: str | None = None
    command: Sequence[Text] = field(default_factory=list)
    script: str | None = None
    arguments: Sequence[Text] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    env: dict[str, Any] = field(default_factory=dict)
    prologue: str | None = None
    workdir: str | os.PathLike[str] | None = None
    threads: int | str | None = None
    resources: dict[str, Any] = field(default_factory=dict)
    max_running: int | str | None = None
    shards_per_job: int | str | None = None
    slurm: dict[str, Any] = field(default_factory=dict)
    htcondor: dict[str, Any] = field(default_factory=dict)
    lsf: dict[str, Any] = field(default_factory=dict)
    ssh: dict[str, Any] = field(default_factory=dict)
    staging: dict[str, Any] = field(default_factory=dict)
    bundle: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, Any] = field(default_factory=dict)
    retry: dict[str, Any] = field(default_factory=dict)
    merge: dict[str, Any] = field(default_factory=dict)


_KINDS = (Component, Spec)
for _kind in _KINDS:
    _kind._own = tuple(item.name for item in fields(_kind))  # noqa: SLF001 (this module's own)
_NUMBERS = {
    item.name for kind in _KINDS for item in fields(kind) if item.type == "int | str | None"
}
_EMPTY_IS_NOTHING = {
    item.name for kind in _KINDS for item in fields(kind) if item.default_factory is not MISSING
}


def given_keys(made: Keys) -> dict[str, Any]:
    """Return the keys that were given, in the order of the declaration."""
    values = {key: getattr(made, key, None) for key in made._own}  # noqa: SLF001 (as above)
    return {
        key: value
        for key, value in values.items()
        if value is not None
        and not (key in _EMPTY_IS_NOTHING and isinstance(value, dict | list | tuple) and not value)
    }


def made_at(made: Keys) -> tuple[str, int]:
    """Return the file and the line of the call that made it."""
    return made._made_at  # noqa: SLF001 (as above)


def is_number(key: str) -> bool:
    """Say whether a key of a component or a spec is a whole number."""
    return key in _NUMBERS


def _unknown(owner: str, key: str, known: Sequence[str]) -> str:
    if key in _HEPPY:
        return f"{owner} has no key '{key}': {_HEPPY[key]}"
    near = get_close_matches(key.casefold().replace("-", "_"), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
    return f"{owner} has no key '{key}'; {hint}"


def _caller() -> tuple[str, int]:
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename in (__file__, "<string>"):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)
