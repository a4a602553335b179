"""Counters as YAML or JSON, read so that nothing is lost: no key twice, no number as text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from manifest.yaml_reader import LOADER, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Tree: TypeAlias = Any
"""Maps, lists, numbers, texts, truth values and nothing, as YAML and JSON have them."""

_DEPTH = 100
_ENTRIES = 1_000_000
"""As many as aliases may blow a file up to: ten lines of them can stand for billions."""
_SCALARS = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (
        re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        lambda text: float(text.replace(".", "", 1)),
    ),
)
"""What is not text in YAML 1.2: PyYAML takes 1e5 for text, 010 for eight and 12:30 for 750."""


class CountersError(ValueError):
    """What stands in a file are no counters; the text says where and why."""


def read_counters(data: bytes, name: str) -> Tree:
    """Return the tree of a file, JSON by its name or YAML.

    Raises:
        CountersError: it cannot be read, or holds no map.
    """
    if not data.strip():
        raise CountersError("is empty")
    try:
        tree = _json(data) if name.endswith(".json") else _Reader(data).document()
    except CountersError:
        raise
    except RecursionError as error:
        raise CountersError(f"nests more than {_DEPTH} deep") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CountersError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise CountersError(f"cannot be read: {str(error).partition(chr(10))[0]}") from error
    if not isinstance(tree, dict):
        raise CountersError("holds no map of counters")
    return tree


def _json(data: bytes) -> Tree:
    def pairs(items: list[tuple[str, Tree]]) -> dict[str, Tree]:
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise CountersError(f"the key {twice} is there twice")
        return found

    tree = json.loads(data, object_pairs_hook=pairs)
    level = [tree]
    for _ in range(_DEPTH + 1):
        level = [child for one in level for child in _children(one)]
    if level:
        raise CountersError(f"nests more than {_DEPTH} deep")
    return tree


def _children(tree: Tree) -> Iterable[Tree]:
    if isinstance(tree, dict):
        return tree.values()
    return tree if isinstance(tree, list) else ()


class _Reader:
    """Builds the tree from parser events: older libyaml crash where their composer nests deep."""

    def __init__(self, data: bytes) -> None:
        self._events: Iterator[Event] = yaml.parse(data, Loader=LOADER)
        self._anchors: dict[str, tuple[Tree, int]] = {}
        self._entries = 0

    def document(self) -> Tree:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        tree = self._value(next(self._events), 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _at(after, "a second document begins here")
        return tree

    def _value(self, event: Event, depth: int) -> Tree:
        before, self._entries = self._entries, self._entries + 1
        if depth > _DEPTH:
            raise _at(event, f"nests more than {_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None and event.tag != "tag:yaml.org,2002:str":
            raise _at(event, f"a value with a tag ({event.tag}) is no counter")
        tree: Tree
        if isinstance(event, yaml.ScalarEvent):
            tree = _scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            tree = self._mapping(depth)
        else:
            tree = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                tree.append(self._value(item, depth + 1))
        if event.anchor:
            self._anchors[event.anchor] = tree, self._entries - before
        return tree

    def _mapping(self, depth: int) -> dict[Any, Tree]:
        tree: dict[Any, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _at(event, "a key is no word")
            key = self._value(event, depth)
            if key in tree:
                raise _at(event, f"the key {key} is there twice")
            tree[key] = self._value(next(self._events), depth + 1)
        return tree

    def _alias(self, event: Event) -> Tree:
        tree, entries = self._anchors.get(event.anchor, (None, 0))
        if not entries:
            raise _at(event, f"*{event.anchor} names nothing that ends before it")
        self._entries += entries
        if self._entries > _ENTRIES:
            raise _at(event, f"aliases make this more than {_ENTRIES:,} entries")
        return tree


def _at(event: Event, what: str) -> CountersError:
    return CountersError(f"line {event.start_mark.line + 1}: {what}")


def _scalar(event: Event) -> Tree:
    text: str = event.value
    if event.implicit[0]:
        for pattern, value in _SCALARS:
            if pattern.fullmatch(text):
                return value(text)
    return text


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes texts so that neither we nor PyYAML take them for something else."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    like_a_number = any(pattern.fullmatch(text) for pattern, _ in _SCALARS)
    node: yaml.ScalarNode = dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="'" if like_a_number else None
    )
    return node


_Dumper.add_representer(str, _text)


def write_counters(tree: Tree, name: str) -> str:
    """Return a tree as text, in the format of its name."""
    if name.endswith(".json"):
        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text
