"""The values that documents are made of, and how messages show them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

# What dict, list and text make up; typed as what can only be read, so that any such dict fits.
Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | str | int | float | bool | None"

DEPTH = 100  # how deep blocks and lists may nest
SHOWN = 70
NO_ARGUMENT = re.compile("[\0\ud800-\udfff]")  # what no command can be given


class Absent(str):
    """The value of ``key:`` with nothing behind it: equal to ``''``, and to read as "not given"."""

    __slots__ = ()


def place_of(text: str, index: int, source: str) -> str:
    """Return ``file:line:column`` of a position in a text."""
    column = index - text.rfind("\n", 0, index)
    return f"{source}:{text.count(chr(10), 0, index) + 1}:{column}"


def kind_of(value: Tree) -> str:
    """Return what a value is, for a message: ``a block``, ``a list`` or the text itself."""
    if isinstance(value, dict | list):
        return "a block" if isinstance(value, dict) else "a list"
    return shown(value) if isinstance(value, str) else json.dumps(value)


def shown(text: str) -> str:
    """Return a text for a message: in quotes, on one line, and cut when it is long."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return f"'{short}'" if short.isprintable() else quoted(short)


def refused_character(value: str) -> str:
    """Return how a message names the first character that no command can be given."""
    found = NO_ARGUMENT.search(value)
    return f"the character U+{ord(found[0]):04X}" if found else "nothing"


def is_index(part: str, values: list[Tree]) -> bool:
    """Say whether ``part`` is the number of an item of ``values``."""
    digits = part.isascii() and part.isdecimal() and len(part) <= len(str(len(values)))
    return digits and int(part) < len(values)


def quoted(text: str) -> str:
    """Return a text in quotes that YAML reads back as it is."""
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return f"\\{char}"
    return char if char.isprintable() else char.encode("unicode_escape").decode()
