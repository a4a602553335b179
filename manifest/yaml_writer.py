"""Writing a spec the way a person would, so that it reads back equal."""

from __future__ import annotations

import json
import re

from manifest.errors import UserError
from manifest.tree import NO_ARGUMENT, Absent, Tree, quoted, refused_character

_LONG_KEY = 1000  # YAML wants `? key` beyond 1024 characters
_PLAIN_START = re.compile(r"(?!\.\.\.)-{0,2}[^\s\-?:,\[\]{}#&*!|>'\"%@`=<]")
_PLAIN_STOP = re.compile(r":(?=\s|$)|\s#")


def dump_yaml(data: Tree) -> str:
    """Return block-style YAML, keys in their order, that :func:`read_document` reads as ``data``.

    Numbers come back as the text of their digits, as they do from any document.

    Raises:
        UserError: a text with a NUL or a lone surrogate, which no document can hold.
    """
    return "".join(f"{line}\n" for line in _block(data)) if data else "{}\n"


def _block(data: Tree) -> list[str]:
    """Return the lines, not indented, of a block or list that is not empty."""
    lines: list[str] = []
    if isinstance(data, dict):
        for name, value in data.items():
            key = _inline(name) or '""'
            if len(key) > _LONG_KEY:
                lines += [f"? {key}", *_entry(":", value)]
            else:
                lines += _entry(f"{key}:", value)
    elif isinstance(data, list):
        for value in data:
            lines += _entry("-", value)
    return lines


def _entry(head: str, value: Tree) -> list[str]:
    if isinstance(value, dict | list) and value:
        inner = [f"  {line}" if line else "" for line in _block(value)]
        return [f"{head} {inner[0][2:]}", *inner[1:]] if head == "-" else [head, *inner]
    if isinstance(value, str) and _reads_as_literal(value):
        mark = "|" if value.endswith("\n") else "|-"
        lines = value.removesuffix("\n").split("\n")
        return [f"{head} {mark}", *(f"  {line}" if line else "" for line in lines)]
    return [f"{head} {_inline(value)}".rstrip()]


def _reads_as_literal(text: str) -> bool:
    """Tell whether a ``|`` block shows all of a text: nothing at line ends that eyes miss."""
    lines = text.removesuffix("\n").split("\n")
    return (
        "\n" in text
        and bool(lines[0])
        and not lines[0][0].isspace()
        and bool(lines[-1])
        and all(line.replace("\t", "").isprintable() and line == line.rstrip() for line in lines)
    )


def _inline(value: Tree) -> str:
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if not isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Absent):
        return ""
    if NO_ARGUMENT.search(value):
        raise UserError(f"{refused_character(value)} cannot be part of a value")
    plain = value.isprintable() and value == value.strip() and _PLAIN_START.match(value)
    return value if plain and not _PLAIN_STOP.search(value) else quoted(value)
