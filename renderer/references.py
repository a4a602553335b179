"""Paths that a JSON or YAML file names: found by JSONPath expressions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from manifest.errors import UserError
from manifest.spec import Input
from renderer.component_files import is_url

_DOCUMENTS = (".json", ".yaml", ".yml")
_READ_UP_TO = 64 << 20  # a file that is named by another may be data, and huge


def references(item: Input, base: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield the paths that an input names, and those that the JSON and YAML files among them name.

    One level, no more. With each path goes the place to complain about.

    Args:
        item: the input, which is there.
        base: the spec's directory; paths are relative to it, as that of the input is.
        where: the key that it stands under.

    Raises:
        UserError: an expression is none, or leads to nothing or to no path in the input itself.
    """
    if not item.references:
        return
    from jsonpath_ng.exceptions import JSONPathError  # noqa: PLC0415 (slow; only here)
    from jsonpath_ng.ext.parser import parse  # noqa: PLC0415

    where = f"{where}.references"
    expressions = []
    for text in item.references:
        try:
            expressions.append(parse(text))
        except (JSONPathError, ValueError) as error:
            raise UserError(
                f"'{text}' is not a JSONPath expression: {error}",
                where=where,
                hint="write for example channels[*].data.file",
            ) from error
    document = _load(os.path.join(base, item.path), where)
    named = []
    for text, expression in zip(item.references, expressions, strict=True):
        matches = expression.find(document)
        if not matches:
            raise UserError(f"'{text}' matches nothing in {item.path}", where=where)
        named += [_beside(item.path, _text(match, text, where)) for match in matches]
    for path in named:
        yield path, where
        for further in _further(path, base, expressions):
            yield further, f"{where}, in {path}"


def _text(match: Any, expression: str, where: str) -> str:  # noqa: ANN401 (has no types)
    value = match.value
    if isinstance(value, str) and value:
        return value
    what = "an empty text" if isinstance(value, str) else "not a text"
    raise UserError(f"'{expression}' leads to {match.full_path}, which is {what}", where=where)


def _further(path: str, base: str, expressions: Sequence[Any]) -> Iterator[str]:
    """Yield what a named file names: what cannot be read as a document is data, and names none."""
    source = os.path.join(base, path)
    if not path.endswith(_DOCUMENTS) or not os.path.isfile(source):
        return
    if os.path.getsize(source) > _READ_UP_TO:
        return
    try:
        document = _load(source, path)
    except UserError:
        return
    for expression in expressions:
        for match in expression.find(document):
            if isinstance(match.value, str) and match.value:
                yield _beside(path, match.value)


def _beside(path: str, named: str) -> str:
    """Return a path relative to the spec; absolute ones and URLs stay what they are."""
    return named if is_url(named) else os.path.join(os.path.dirname(path), named)


def _load(source: str, where: str) -> Any:  # noqa: ANN401 (any document)
    try:
        with open(source, "rb") as stream:
            text = stream.read()
        return json.loads(text) if source.endswith(".json") else yaml.safe_load(text)
    except OSError as error:
        raise UserError(
            f"input '{source}' cannot be read: {error.strerror}", where=where
        ) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(
            f"{source} is neither JSON nor YAML, so its references cannot be found: {error}",
            where=where,
        ) from error
