"""A document as it was written: blocks, lists and text that stays text.

YAML parsers turn ``0.10`` into 0.1, ``007`` into 7 and ``true`` into a bool, and so change users'
arguments without a word. Here every scalar, plain or quoted, is text; the field's type decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from manifest.errors import UserError
from manifest.json_reader import read_json
from manifest.tree import Absent, Tree, is_index, kind_of, place_of
from manifest.yaml_lines import line_of
from manifest.yaml_reader import read_yaml


@dataclass(frozen=True)
class Document:
    """What a file says, and where it says it.

    Attributes:
        data: dict, list and str for YAML; JSON adds float, bool and None.
        source: the file's name, for messages.
        text: what the file holds, to find lines in; empty when there is no file.
    """

    data: Any
    source: str
    text: str = field(default="", repr=False, compare=False)

    def where(self, loc: tuple[str | int, ...]) -> str:
        """Return ``file:line: a.b.0`` for a path, or for its deepest ancestor that exists."""
        known: list[str] = []
        node: Tree = self.data
        for part in map(str, loc):
            if isinstance(node, dict) and part in node:
                node = node[part]
            elif isinstance(node, list) and is_index(part, node):
                node = node[int(part)]
            else:
                break
            known.append(part)
        line = line_of(self.text, known)
        place = f"{self.source}:{line}" if line else self.source
        return f"{place}: {'.'.join(known)}" if known else place


def read_document(
    text: str | bytes, source: str, *, fmt: Literal["yaml", "json"] | None = None
) -> Document:
    """Read a YAML or JSON document; without ``fmt``, JSON when ``source`` ends in ``.json``.

    A byte order mark is dropped, and CRLF ends a line as LF does.

    Raises:
        UserError: it cannot be read, or not without changing what it says.
    """
    text = _decode(text, source)
    is_json = fmt == "json" or (fmt is None and source.lower().endswith(".json"))
    blank = not text or text.isspace()
    data = None if blank else read_json(text, source) if is_json else read_yaml(text, source)
    if blank or isinstance(data, Absent):
        raise UserError(f"{source} is empty", hint="start from: farmhand init")
    if not isinstance(data, dict):
        raise UserError(
            f"{source} is {kind_of(data)}, not a block of keys",
            hint="begin with a key, for example `shards: 4`",
        )
    return Document(data, source, text)


def _decode(raw: str | bytes, source: str) -> str:
    try:
        text = raw if isinstance(raw, str) else raw.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{source} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}",
            where=f"{source}:{line}",
            hint="save it as UTF-8",
        ) from error
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        where = place_of(text, text.index("\0"), source)
        raise UserError(f"{source} is not a text file: it has a NUL byte", where=where)
    return text
