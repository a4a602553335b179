"""A document as it was written: blocks, lists and text that stays text.

YAML parsers turn ``0.10`` into 0.1, ``007`` into 7 and ``true`` into a bool, and so change users'
arguments without a word. Here every scalar, plain or quoted, is text; the field's type decides.

Values are built from parser events, not with ``yaml.compose``: libyaml's composer recurses in C,
where 100,000 opening brackets crash the interpreter, and takes ten times as long.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import yaml

from manifest.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# What dict, list and text make up; typed as what can only be read, so that any such dict fits.
Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | str | int | float | bool | None"
_Event: TypeAlias = Any  # PyYAML's stubs make every mark optional; parser events all have theirs

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 100
_ALIASED = 200_000  # values that aliases may add to those written out
_LONG_KEY = 1000  # YAML wants `? key` beyond 1024 characters
_SHOWN = 70

# What YAML 1.1 refuses as it is or reads as a line break, and would change or drop in a value.
_NOT_AS_IT_IS = re.compile(
    "\r(?!\n)|[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]"
)
_NO_ARGUMENT = re.compile("[\0\ud800-\udfff]")  # what no command can be given
_BLOCK_VALUE = re.compile(r"\{\{.*?\}\}(?=\s*:(?:\s|$))|.*?(?=\s+#(?!\})|\s*$)")
_FLOW_VALUE = re.compile(r"(?:\{\{.*?\}\}|[^,\]}])+")
_PLAIN_START = re.compile(r"(?!\.\.\.)-{0,2}[^\s\-?:,\[\]{}#&*!|>'\"%@`=<]")
_PLAIN_STOP = re.compile(r":(?=\s|$)|\s#")


class Absent(str):
    """The value of ``key:`` with nothing behind it: equal to ``''``, and to read as "not given"."""

    __slots__ = ()


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
            elif isinstance(node, list) and _is_index(part, node):
                node = node[int(part)]
            else:
                break
            known.append(part)
        line = _line_of(self.text, known)
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
    data = None if blank else _read_json(text, source) if is_json else _read_yaml(text, source)
    if blank or isinstance(data, Absent):
        raise UserError(f"{source} is empty", hint="start from: farmhand init")
    if not isinstance(data, dict):
        raise UserError(
            f"{source} is {_kind(data)}, not a block of keys",
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
        where = _place(text, text.index("\0"), source)
        raise UserError(f"{source} is not a text file: it has a NUL byte", where=where)
    return text


def _place(text: str, index: int, source: str) -> str:
    column = index - text.rfind("\n", 0, index)
    return f"{source}:{text.count(chr(10), 0, index) + 1}:{column}"


def _kind(value: Tree) -> str:
    if isinstance(value, dict | list):
        return "a block" if isinstance(value, dict) else "a list"
    return _shown(value) if isinstance(value, str) else json.dumps(value)


def _shown(text: str) -> str:
    """Return a text for a message: in quotes, on one line, and cut when it is long."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"'{short}'" if short.isprintable() else _quoted(short)


def _is_index(part: str, values: list[Tree]) -> bool:
    digits = part.isascii() and part.isdecimal() and len(part) <= len(str(len(values)))
    return digits and int(part) < len(values)


# --- lines ---------------------------------------------------------------------------------------


def _line_of(text: str, path: list[str]) -> int | None:
    """Return the line, from 1, of the deepest key or item of ``path`` that the text shows."""
    line: int | None = None
    events: Iterator[_Event] = yaml.parse(text, Loader=_LOADER)
    try:
        event = next(event for event in events if isinstance(event, yaml.NodeEvent))
        for part in path:
            if isinstance(event, yaml.MappingStartEvent):
                event = next(events)
                while getattr(event, "value", None) != part:
                    _skip(event, events)
                    _skip(next(events), events)
                    event = next(events)
                line = event.start_mark.line + 1
                event = next(events)
            elif isinstance(event, yaml.SequenceStartEvent):
                for _ in range(int(part)):
                    _skip(next(events), events)
                event = next(events)
                line = event.start_mark.line + 1
    except (yaml.YAMLError, ValueError, OverflowError, StopIteration):
        return line  # JSON that YAML does not read, or a value that only --set gave
    return line


def _skip(event: _Event, events: Iterator[_Event]) -> None:
    """Go to the end of the value that ``event`` begins."""
    depth = 0
    while True:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth <= 0:
            return
        event = next(events)


# --- YAML ----------------------------------------------------------------------------------------


def _read_yaml(text: str, source: str) -> Tree:
    """Return the one document of a YAML text; Absent() when there is none."""
    found = _NOT_AS_IT_IS.search(text)
    if found:
        lone = _NO_ARGUMENT.match(found[0])
        raise UserError(
            f"the character U+{ord(found[0]):04X} cannot stand in YAML as it is",
            where=_place(text, found.start(), source),
            hint="save it as UTF-8" if lone else f"write {_quoted(found[0])}, with the quotes",
        )
    try:
        return _Builder(text, source).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an escape beyond Unicode
        raise UserError(f"this is not YAML: {error}", where=source) from error


class _Builder:
    """Builds one tree from parser events, and refuses what would change the user's text."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._events: Iterator[_Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Tree] = {}
        self._aliased = 0

    def document(self) -> Tree:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Absent()
        data = self._value(next(self._events), 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refusal("a second document begins here", after, "write one file for each")
        return data

    def _refusal(self, what: str, event: _Event, hint: str | None = None) -> UserError:
        mark = event.start_mark
        return UserError(what, where=f"{self._source}:{mark.line + 1}:{mark.column + 1}", hint=hint)

    def _value(self, event: _Event, depth: int) -> Tree:
        if depth > _DEPTH:
            raise self._refusal(f"blocks and lists nest more than {_DEPTH} deep here", event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._check_tag(event)
        value: Tree
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(event, depth)
        else:
            value = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                entry = self._value(item, depth + 1)
                value.append("" if isinstance(entry, Absent) else entry)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _check_tag(self, event: _Event) -> None:
        is_text = isinstance(event, yaml.ScalarEvent)
        if event.tag is None or (is_text and event.tag == "tag:yaml.org,2002:str"):
            return
        index = event.start_mark.index
        written = re.compile(r"(?:&\S+\s+)?(!\S*)").match(self._text, index)
        tag = written[1] if written else event.tag
        what = f"the tag {tag} is not read: every value is text, and its field decides what it is"
        raise self._refusal(what, event, _quote_hint(self._text, index))

    def _scalar(self, event: _Event) -> str:
        value: str = event.value
        if not value and event.implicit[0]:
            return Absent()
        if event.style == '"' and _NO_ARGUMENT.search(value):  # only escapes can give these
            raise self._refusal(f"{_refused_character(value)} cannot be part of a value", event)
        return value

    def _mapping(self, start: _Event, depth: int) -> Tree:
        index = start.start_mark.index
        if self._text.startswith("{#", index):
            what = "{# outside quotes is a block and a comment to YAML, not text"
            raise self._refusal(what, start, _quote_hint(self._text, index))
        value: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, start, depth)
            line = event.start_mark.line + 1
            if key in value:
                what = f"{_shown(key)} is given twice, in line {lines[key]} and in line {line}"
                raise self._refusal(what, event, "keep one of them")
            lines[key] = line
            value[key] = self._value(next(self._events), depth + 1)
        return value

    def _key(self, event: _Event, start: _Event, depth: int) -> str:
        for opening in (start, event):
            index = opening.start_mark.index
            if isinstance(event, yaml.MappingStartEvent) and self._text.startswith("{{", index):
                what = "{{ }} outside quotes is a block to YAML, not text"
                raise self._refusal(what, opening, _quote_hint(self._text, index))
        if isinstance(event, yaml.CollectionStartEvent):
            raise self._refusal("a key must be text, not a block or a list", event)
        key = self._value(event, depth)
        if not isinstance(key, str):
            raise self._refusal("a key must be text, not a block or a list", event)
        if key == "<<" and getattr(event, "style", None) in (None, ""):
            hint = "write the keys out, or give the whole block an anchor and use its alias"
            raise self._refusal("merge keys (<<) are not read", event, hint)
        return str(key)

    def _alias(self, event: _Event, depth: int) -> Tree:
        if event.anchor not in self._anchors:
            what = f"*{event.anchor} names no anchor &{event.anchor} that ends before it"
            raise self._refusal(what, event, _quote_hint(self._text, event.start_mark.index))
        return self._copy(self._anchors[event.anchor], event, depth)

    def _copy(self, value: Tree, event: _Event, depth: int) -> Tree:
        """Copy what an alias stands for, so that the tree shares nothing; bounded."""
        self._aliased += 1
        if depth > _DEPTH:
            raise self._refusal(f"blocks and lists nest more than {_DEPTH} deep here", event)
        if self._aliased > _ALIASED:
            what = f"aliases (*{event.anchor}) make this file more than {_ALIASED:,} values larger"
            raise self._refusal(what, event, "write the blocks out")
        if isinstance(value, dict):
            return {key: self._copy(item, event, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, event, depth + 1) for item in value]
        return value


def _refused_character(value: str) -> str:
    found = _NO_ARGUMENT.search(value)
    return f"the character U+{ord(found[0]):04X}" if found else "nothing"


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> UserError:
    """Say in one line what the parser found, and what to do where that can be known."""
    context, problem = error.context or "", error.problem or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    if error.context_mark and re.search(r"scanning an a|a tag|directive", context):
        mark = error.context_mark  # where `*.root`, `&1!` or `%d` begins
    index = mark.index if mark else 0
    first = text[index : index + 1]
    where = _place(text, index, source)
    line = text[text.rfind("\n", 0, index) + 1 : index + 1]
    if "\t" in line and line.isspace():
        what = "a tab indents this line, and YAML indents with spaces only"
        return UserError(what, where=where, hint="write spaces for the tab")
    if first == "%" and text[index - 1 : index] == "{":
        index, first = index - 1, "{%"
    if first == "{%" or (first and first in "%@`*&!"):
        what = f"a value that begins with {first} needs quotes"
        return UserError(what, where=where, hint=_quote_hint(text, index))
    hint = None
    if problem.startswith("mapping values are not allowed"):
        hint = 'quote a value that has ": " in it'
    if error.context_mark and mark and error.context_mark.line < mark.line:
        problem += f", {context} that begins in line {error.context_mark.line + 1}"
    return UserError(f"this is not YAML: {problem}", where=where, hint=hint)


def _quote_hint(text: str, index: int) -> str:
    """Show the value at ``index`` in quotes: to the end of its line, or of its item in a list."""
    begin = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    in_flow = any(bracket in text[begin:index] for bracket in "[{")
    pattern = _FLOW_VALUE if in_flow else _BLOCK_VALUE
    found = pattern.match(text[index : end if end >= 0 else None])
    value = found[0].strip() if found else ""
    return f"quote it: {_quoted(value)}" if 0 < len(value) < _SHOWN else "quote it"


# --- JSON ----------------------------------------------------------------------------------------


def _read_json(text: str, source: str) -> Tree:
    """Return a JSON value; integers keep their digits as text."""

    def block(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UserError(f"{_shown(twice)} is given twice in one block", where=source)
        return value

    def number(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise UserError(f"{digits} is not a number that can be kept", where=source)
        return value

    try:
        value: Tree = json.loads(
            text, object_pairs_hook=block, parse_int=str, parse_float=number, parse_constant=number
        )
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        raise UserError(f"this is not JSON: {error.msg}", where=where) from error
    except RecursionError as error:
        what = f"blocks and lists nest more than {_DEPTH} deep"
        raise UserError(what, where=source) from error
    _check_json(value, source, 0)
    return value


def _check_json(value: Tree, source: str, depth: int) -> None:
    """Refuse what an escape brought in and no command can be given, and what nests too deep."""
    if depth > _DEPTH:
        raise UserError(f"blocks and lists nest more than {_DEPTH} deep", where=source)
    if isinstance(value, str):
        if _NO_ARGUMENT.search(value):
            raise UserError(f"{_refused_character(value)} cannot be part of a value", where=source)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_json(key, source, depth)
            _check_json(item, source, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, source, depth + 1)


# --- assignments ---------------------------------------------------------------------------------


def parse_set(assignment: str) -> tuple[tuple[str, ...], Tree]:
    """Return the path and the value of ``a.b=VALUE``, as ``--set`` takes it.

    Quotes, brackets and block marks in VALUE are read as YAML; any other text is the value as it
    stands, spaces and ``#`` included.

    Raises:
        UserError: no ``=``, an empty part in the path, or a VALUE that cannot be read.
    """
    name, equals, text = assignment.partition("=")
    path = tuple(name.split("."))
    if not equals or not all(path) or len(path) > _DEPTH:
        what = f"--set takes a path, = and a value, not {_shown(assignment)}"
        raise UserError(what, hint="write --set a.b=VALUE")
    source = f"--set {name}"
    if text.startswith("{{") and not _NO_ARGUMENT.search(text):
        return path, text
    value = _read_yaml(text, source)
    if isinstance(value, str) and text.lstrip()[:1] not in {*"\"'|>&!"}:
        return path, text
    return path, value


def apply_set(data: Tree, path: tuple[str, ...], value: Tree) -> Tree:
    """Return ``data`` with ``value`` at ``path``; what is on the way is made, ``data`` stays.

    Raises:
        UserError: the path goes through text, or to an item that a list does not have.
    """
    return _place_value(data, path, 0, value)


def _place_value(node: Tree, path: tuple[str, ...], done: int, value: Tree) -> Tree:
    if done == len(path):
        return value
    part, name, where = path[done], ".".join(path[:done]), f"--set {'.'.join(path)}"
    if isinstance(node, Absent):
        node = {}
    if isinstance(node, dict):
        return {**node, part: _place_value(node.get(part, Absent()), path, done + 1, value)}
    if not isinstance(node, list):
        hint = f"set {name} itself" if name else None
        raise UserError(f"{name} is {_kind(node)}, not a block", where=where, hint=hint)
    if not _is_index(part, node):
        what = f"{name} is a list of {len(node)}, and {_shown(part)} is not the number of an item"
        hint = f"count from 0 to {len(node) - 1}" if node else f"set {name} itself"
        raise UserError(what, where=where, hint=hint)
    index = int(part)
    return [*node[:index], _place_value(node[index], path, done + 1, value), *node[index + 1 :]]


# --- writing -------------------------------------------------------------------------------------


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
    if _NO_ARGUMENT.search(value):
        raise UserError(f"{_refused_character(value)} cannot be part of a value")
    plain = value.isprintable() and value == value.strip() and _PLAIN_START.match(value)
    return value if plain and not _PLAIN_STOP.search(value) else _quoted(value)


def _quoted(text: str) -> str:
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return f"\\{char}"
    return char if char.isprintable() else char.encode("unicode_escape").decode()
