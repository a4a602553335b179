"""Counters as YAML or JSON, read so that nothing is lost: no key twice, no number as text."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


class CountersError(ValueError):
    """What stands in a file are no counters; the text says where and why."""


_SIGNS = list("-+0123456789.")
_SCALARS = (
    ("null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+$"), _SIGNS),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), _SIGNS),
    ("float", re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"), _SIGNS),
)
"""What is not text in YAML 1.2: PyYAML takes 1e5 for text, 010 for eight and 12:30 for 750."""


class _Loader(yaml.CSafeLoader):
    """Reads the scalars above, and refuses a key that is there twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own way)


class _Dumper(yaml.CSafeDumper):
    """Writes texts so that neither we nor PyYAML take them for something else."""


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    like_a_number = any(pattern.match(text) for _, pattern, _ in _SCALARS)
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="'" if like_a_number else None
    )


_Dumper.add_representer(str, _text)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twice = key in found
        except TypeError as error:
            raise CountersError(f"line {key_node.start_mark.line + 1}: a key is no word") from error
        if twice:
            raise CountersError(
                f"line {key_node.start_mark.line + 1}: the key {key} is there twice"
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def read_counters(data: bytes, name: str) -> Any:  # noqa: ANN401 (a tree)
    """Return the tree of a file, JSON by its name or YAML.

    Raises:
        CountersError: it cannot be read, or holds no mapping.
    """
    if not data.strip():
        raise CountersError("is empty")
    try:
        tree = _json(data) if name.endswith(".json") else yaml.load(data, _Loader)  # noqa: S506
    except CountersError:
        raise
    except RecursionError as error:
        raise CountersError("nests too deeply") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CountersError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise CountersError(str(error).partition("\n")[0]) from error
    if not isinstance(tree, dict):
        raise CountersError("holds no map of counters")
    return tree


def _json(data: bytes) -> Any:  # noqa: ANN401 (a tree)
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise CountersError(f"the key {twice} is there twice")
        return found

    return json.loads(data, object_pairs_hook=pairs)


def write_counters(tree: Any, name: str) -> str:  # noqa: ANN401 (a tree)
    """Return a tree as text, in the format of its name."""
    if name.endswith(".json"):
        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text
