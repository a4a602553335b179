"""JSON in which integers keep their digits as text; the field decides what they are."""

from __future__ import annotations

import json
import math

from manifest.errors import UserError
from manifest.tree import DEPTH, NO_ARGUMENT, Tree, refused_character, shown


def read_json(text: str, source: str) -> Tree:
    """Return a JSON value; integers keep their digits as text."""

    def block(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UserError(f"{shown(twice)} is given twice in one block", where=source)
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
        what = f"blocks and lists nest more than {DEPTH} deep"
        raise UserError(what, where=source) from error
    _check_json(value, source, 0)
    return value


def _check_json(value: Tree, source: str, depth: int) -> None:
    """Refuse what an escape brought in and no command can be given, and what nests too deep."""
    if depth > DEPTH:
        raise UserError(f"blocks and lists nest more than {DEPTH} deep", where=source)
    if isinstance(value, str):
        if NO_ARGUMENT.search(value):
            raise UserError(f"{refused_character(value)} cannot be part of a value", where=source)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_json(key, source, depth)
            _check_json(item, source, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, source, depth + 1)
