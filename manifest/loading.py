"""From a document to a spec: every complaint names the file, the line and the key."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from manifest.document import Document
from manifest.errors import UserError
from manifest.nearest import nearest
from manifest.spec import Spec
from manifest.tree import Absent

# Here an empty value is an empty text, or something named and not told: never "not given".
_KEPT_EMPTY = {"env", "params", "components", "inputs", "outputs", "timing", "grid", "when"}

_ITEMS = ("list", "begin each item with '- '")
_KEYS = ("block of keys", None)
_PYDANTIC = {"string_too_short": "nothing stands here", "too_short": "nothing stands here"}
_WRONG_SHAPE = {"tuple_type": _ITEMS, "list_type": _ITEMS, "model_type": _KEYS, "dict_type": _KEYS}


def load_spec(document: Document) -> Spec:
    """Validate a document.

    Raises:
        UserError: what is wrong first, and how many more there are.
    """
    try:
        return Spec.model_validate(_given(document.data))
    except ValidationError as error:
        raise _explain(error, document) from error


def _given(data: Any, key: str = "") -> Any:  # noqa: ANN401 (any document)
    if isinstance(data, dict):
        keep_empty = key in _KEPT_EMPTY
        return {
            name: _given(value, name)
            for name, value in data.items()
            if keep_empty or not isinstance(value, Absent)
        }
    return [_given(item) for item in data] if isinstance(data, list) else data


def _explain(error: ValidationError, document: Document) -> UserError:
    problems = error.errors(include_url=False)
    first = problems[0]
    location = tuple(part for part in first["loc"] if not _is_mark(part) or part == "[key]")
    what, hint = _message(dict(first), location)
    if len(problems) > 1:
        others = sorted({_shown(p["loc"]) for p in problems[1:]})
        hint = (hint + "; " if hint else "") + f"also wrong: {', '.join(others[:5])}"
    return UserError(what, where=_printable(document.where(location)), hint=hint)


def _shown(location: tuple[str | int, ...]) -> str:
    """Return a place as a person writes it; pydantic's marks in brackets are no part."""
    parts = (str(part) for part in location if not _is_mark(part))
    return _printable(".".join(parts)) or "the spec"


def _is_mark(part: str | int) -> bool:
    """Say whether this is a mark: "the key itself", or which form of an entry is meant."""
    return isinstance(part, str) and part.startswith("[")


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _message(problem: Mapping[str, Any], location: tuple[str | int, ...]) -> tuple[str, str | None]:
    key = _shown(location)
    value = problem.get("input")
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        guess = nearest(str(location[-1]), known)
        return f"unknown key '{location[-1]}'", (
            f"did you mean '{guess}'?" if guess else f"known here: {', '.join(sorted(known))}"
        )
    if kind == "missing":
        return f"'{key}' is missing", None
    if kind in ("int_parsing", "int_type", "int_from_float"):
        return f"{key}: {value!r} is not a whole number", "write digits only, such as 100000"
    if kind == "string_type":
        if isinstance(value, float | bool) or value is None:
            return (
                f"{key}: {json.dumps(value)} is not a text",
                "quote it, so that it reaches the command as you wrote it",
            )
        return f"{key}: a text was expected, not a {_kind(value)}", None
    if kind in _WRONG_SHAPE:
        wanted, hint = _WRONG_SHAPE[kind]
        found = f"not a {_kind(value)}" if value != "" else "and nothing stands here"
        return f"{key}: a {wanted} was expected, {found}", hint
    if kind in ("bool_parsing", "bool_type"):
        return f"{key}: {value!r} is neither true nor false", None
    if kind in ("greater_than", "greater_than_equal", "less_than_equal"):
        bound = next(iter(problem["ctx"].values()))
        words = {"greater_than": "greater than", "greater_than_equal": "at least"}
        limit = f"{words.get(kind, 'at most')} {bound}"
        return f"{key}: {value} will not do; it has to be {limit}", None
    if kind == "literal_error":
        known = [word.strip("'") for word in re.split(", | or ", problem["ctx"]["expected"])]
        guess = nearest(str(value), known)
        return f"{key}: there is no '{value}'" + (f"; did you mean '{guess}'?" if guess else ""), (
            f"known here: {', '.join(known)}"
        )
    said = _PYDANTIC.get(kind) or problem["msg"].removeprefix("Value error, ")
    return f"{key}: {said}", None


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "block"
    return "list" if isinstance(value, list | tuple) else f"text ({str(value)[:40]!r})"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the model at a place in the spec."""
    model: Any = Spec
    for part in location:
        if isinstance(part, int):  # of a list, which stands for what is in it
            continue
        model = _inside(model, part)
        if model is None:
            return list(Spec.model_fields)
    fields = model.model_fields if _is_model(model) else {}
    return [field.alias or name for name, field in fields.items()]


def _inside(model: Any, part: str | int) -> Any:  # noqa: ANN401 (types as values)
    if _is_model(model):
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                return _model_in(field.annotation, keep_mapping=True)
        return None
    return _model_in(typing.get_args(model)[1]) if typing.get_origin(model) is dict else None


def _is_model(kind: Any) -> bool:  # noqa: ANN401 (types as values)
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _model_in(annotation: Any, *, keep_mapping: bool = False) -> Any:  # noqa: ANN401 (as above)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _model_in(typing.get_args(annotation)[0], keep_mapping=keep_mapping)
    if origin is tuple:
        return _model_in(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        found = [_model_in(arg, keep_mapping=keep_mapping) for arg in typing.get_args(annotation)]
        return next((item for item in found if item is not None), None)
    if keep_mapping and origin is dict:
        return annotation
    return annotation if _is_model(annotation) else None
