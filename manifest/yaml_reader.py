"""YAML in which text stays text: every scalar, plain or quoted, is what was written.

Values are built from parser events, not with ``yaml.compose``: libyaml's composer recurses in C,
where 100,000 opening brackets crash the interpreter, and takes ten times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from manifest.errors import UserError
from manifest.tree import (
    DEPTH,
    NO_ARGUMENT,
    SHOWN,
    Absent,
    Tree,
    place_of,
    quoted,
    refused_character,
    shown,
)

Event: TypeAlias = Any  # PyYAML's stubs make every mark optional; parser events all have theirs

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ALIASED = 200_000  # values that aliases may add to those written out

# What YAML 1.1 refuses as it is or reads as a line break, and would change or drop in a value.
_NOT_AS_IT_IS = re.compile(
    "\r(?!\n)|[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]"
)
_BLOCK_VALUE = re.compile(r"\{\{.*?\}\}(?=\s*:(?:\s|$))|.*?(?=\s+#(?!\})|\s*$)")
_FLOW_VALUE = re.compile(r"(?:\{\{.*?\}\}|[^,\]}])+")


def read_yaml(text: str, source: str) -> Tree:
    """Return the one document of a YAML text; Absent() when there is none."""
    found = _NOT_AS_IT_IS.search(text)
    if found:
        lone = NO_ARGUMENT.match(found[0])
        raise UserError(
            f"the character U+{ord(found[0]):04X} cannot stand in YAML as it is",
            where=place_of(text, found.start(), source),
            hint="save it as UTF-8" if lone else f"write {quoted(found[0])}, with the quotes",
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
        self._events: Iterator[Event] = yaml.parse(text, Loader=LOADER)
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

    def _refusal(self, what: str, event: Event, hint: str | None = None) -> UserError:
        mark = event.start_mark
        return UserError(what, where=f"{self._source}:{mark.line + 1}:{mark.column + 1}", hint=hint)

    def _value(self, event: Event, depth: int) -> Tree:
        if depth > DEPTH:
            raise self._refusal(f"blocks and lists nest more than {DEPTH} deep here", event)
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

    def _check_tag(self, event: Event) -> None:
        is_text = isinstance(event, yaml.ScalarEvent)
        if event.tag is None or (is_text and event.tag == "tag:yaml.org,2002:str"):
            return
        index = event.start_mark.index
        written = re.compile(r"(?:&\S+\s+)?(!\S*)").match(self._text, index)
        tag = written[1] if written else event.tag
        what = f"the tag {tag} is not read: every value is text, and its field decides what it is"
        raise self._refusal(what, event, _quote_hint(self._text, index))

    def _scalar(self, event: Event) -> str:
        value: str = event.value
        if not value and event.implicit[0]:
            return Absent()
        if event.style == '"' and NO_ARGUMENT.search(value):  # only escapes can give these
            raise self._refusal(f"{refused_character(value)} cannot be part of a value", event)
        return value

    def _mapping(self, start: Event, depth: int) -> Tree:
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
                what = f"{shown(key)} is given twice, in line {lines[key]} and in line {line}"
                raise self._refusal(what, event, "keep one of them")
            lines[key] = line
            value[key] = self._value(next(self._events), depth + 1)
        return value

    def _key(self, event: Event, start: Event, depth: int) -> str:
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

    def _alias(self, event: Event, depth: int) -> Tree:
        if event.anchor not in self._anchors:
            what = f"*{event.anchor} names no anchor &{event.anchor} that ends before it"
            raise self._refusal(what, event, _quote_hint(self._text, event.start_mark.index))
        return self._copy(self._anchors[event.anchor], event, depth)

    def _copy(self, value: Tree, event: Event, depth: int) -> Tree:
        """Copy what an alias stands for, so that the tree shares nothing; bounded."""
        self._aliased += 1
        if depth > DEPTH:
            raise self._refusal(f"blocks and lists nest more than {DEPTH} deep here", event)
        if self._aliased > _ALIASED:
            what = f"aliases (*{event.anchor}) make this file more than {_ALIASED:,} values larger"
            raise self._refusal(what, event, "write the blocks out")
        if isinstance(value, dict):
            return {key: self._copy(item, event, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, event, depth + 1) for item in value]
        return value


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> UserError:
    """Say in one line what the parser found, and what to do where that can be known."""
    context, problem = error.context or "", error.problem or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    if error.context_mark and re.search(r"scanning an a|a tag|directive", context):
        mark = error.context_mark  # where `*.root`, `&1!` or `%d` begins
    index = mark.index if mark else 0
    first = text[index : index + 1]
    where = place_of(text, index, source)
    line = text[text.rfind("\n", 0, index) + 1 : index + 1]
    if "\t" in line and line.isspace():
        what = "a tab indents this line, and YAML indents with spaces only"
        return UserError(what, where=where, hint="write spaces for the tab")
    if first == "%" and text[index - 1 : index] == "{":
        index, first = index - 1, "{%"
    if first == "{%" or (first and first in "%@`*&!"):
        what = f"a value that begins with {first} needs quotes"
        return UserError(what, where=where, hint=_quote_hint(text, index))
    if "nesting depth" in problem:  # newer libyaml gives up by itself, further in than we do
        return UserError(f"blocks and lists nest more than {DEPTH} deep here", where=where)
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
    return f"quote it: {quoted(value)}" if 0 < len(value) < SHOWN else "quote it"
