"""JSON documents: parsing with a sentence instead of an exception, and the rules of a check."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from manifest.checks import JsonCheck
    from outputs.facts import ShardFacts

_UNFINISHED = re.compile(r"[\w.+\\-]{0,16}\s*\Z")
"""What may follow the failing position of a cut document: the beginning of one token."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Either a document, or one sentence on why there is none."""

    document: Any = None
    problem: str | None = None


def parse(data: bytes) -> Parsed:
    """Parse JSON as Python writes it: NaN and Infinity are accepted, the last duplicate key wins.

    Never raises: whatever the bytes are, ``problem`` says it.
    """
    if not data.strip():
        return Parsed(problem="is empty" if not data else "holds nothing but blanks")
    try:
        return Parsed(orjson.loads(data))
    except orjson.JSONDecodeError:
        pass  # rare: orjson is strict about NaN, so the slow and lenient reader decides
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end == len(data) and "unexpected end" in error.reason:
            return Parsed(problem=_truncated(data))
        return Parsed(problem=f"is not UTF-8 at byte {error.start}")
    return _parse_leniently(text, data)


def _parse_leniently(text: str, data: bytes) -> Parsed:
    try:
        return Parsed(json.loads(text))
    except RecursionError:
        return Parsed(problem="nests too deeply to be read as JSON")
    except json.JSONDecodeError as error:
        if error.msg.startswith("Unterminated string") or _UNFINISHED.match(text, error.pos):
            return Parsed(problem=_truncated(data))
        at = len(text[: error.pos].encode("utf-8", "surrogatepass"))
        return Parsed(problem=f"is not JSON at byte {at}: {error.msg}")
    except ValueError as error:  # an integer of more than 4300 digits
        return Parsed(problem=f"cannot be read as JSON: {error}")


def _truncated(data: bytes) -> str:
    return f"truncated JSON at byte {len(data)}"


ABSENT = object()
"""What ``look_up`` returns when nothing stands at a path."""


def look_up(document: object, path: str) -> object:
    """Return what stands at a dotted path, or ``ABSENT``; digits index into arrays.

    A key that itself holds dots is found when it ends the path (``a.b`` in ``{"a.b": 1}``).
    """
    while True:
        if isinstance(document, dict) and path in document:
            return document[path]
        head, dot, path = path.partition(".")
        if isinstance(document, dict):
            document = document.get(head, ABSENT)
        elif isinstance(document, list) and head.isdecimal() and int(head) < len(document):
            document = document[int(head)]
        else:
            return ABSENT
        if not dot or document is ABSENT:
            return document


def check_document(document: object, rules: JsonCheck, facts: ShardFacts | None) -> str | None:
    """Return one sentence of evidence against a parsed document, or None when it is good."""
    for key in rules.keys:
        if look_up(document, key) is ABSENT:
            return f"has no {key}"
    for path, rule in rules.lengths.items():
        problem = _check_length(document, path, rule, facts)
        if problem:
            return problem
    return None


def _check_length(document: object, path: str, rule: str, facts: ShardFacts | None) -> str | None:
    found = look_up(document, path)
    if found is ABSENT:
        return f"has no {path}"
    if not isinstance(found, list):
        return f"{path} is not an array"
    wanted = amount(rule, facts)
    because = "planned"
    if wanted is None:
        other = look_up(document, rule)
        if not isinstance(other, int) or isinstance(other, bool):
            return f"{path} cannot be checked: {rule} is not a whole number in this document"
        wanted, because = other, f"{rule} says"
    if len(found) != wanted:
        return f"{path} has {len(found)} values, {because} {wanted}"
    return None


def amount(rule: str, facts: ShardFacts | None) -> int | None:
    """Return the number that digits, ``shard.size`` or ``work.count`` stand for, else None."""
    if rule.isdecimal():
        return int(rule)
    if facts is not None and rule in ("shard.size", "work.count"):
        return facts.size if rule == "shard.size" else facts.count
    return None
