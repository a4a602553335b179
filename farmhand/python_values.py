"""What somebody's Python holds, as the plain document that a YAML file would give.

Only the standard library is imported here; see :mod:`farmhand.python_spec`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from numbers import Integral, Rational, Real
from typing import Any

from farmhand.python_spec import Component, Keys, Spec, given_keys, is_number, made_at

_DEEPEST = 100
_NO_ARGUMENT = re.compile("[\0\ud800-\udfff]")
Place = tuple[str, ...]


class NotPlainError(Exception):
    """A value that no document can hold: what, where in the spec, what to do."""

    def __init__(self, what: str, place: Place, hint: str | None = None) -> None:
        """Say what is wrong with the value at a place."""
        super().__init__(what)
        self.what = what
        self.place = place
        self.hint = hint


def plain_spec(spec: Spec) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
    """Return the document, and where each component was made.

    Raises:
        NotPlainError: a value that cannot be written down, or two components with one name.
    """
    given = given_keys(spec)
    components = _by_name(given["components"]) if "components" in given else {}
    data: dict[str, Any] = {}
    for key in given:
        if key == "components":
            data[key] = {name: _component(name, one) for name, one in components.items()}
        else:
            data[key] = _key(key, given[key], ())
    made = {name: made_at(one) for name, one in components.items() if isinstance(one, Component)}
    return data, made


def _by_name(components: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever was given)
    place: Place = ("components",)
    if isinstance(components, Mapping):
        for name, one in components.items():
            if isinstance(one, Component) and one.name != name:
                what = f"the component behind '{name}' is named '{one.name}'"
                raise NotPlainError(what, (*place, str(name)), "give it one name")
        return {_text(name, place): one for name, one in components.items()}
    if not isinstance(components, list | tuple):
        what = f"a list of Component was expected, not {_kind(components)}"
        raise NotPlainError(what, place)
    found: dict[str, Any] = {}
    for number, one in enumerate(components):
        if not isinstance(one, Component):
            what = f"item {number} is {_kind(one)}, not a Component"
            raise NotPlainError(what, place, "write Component('NAME', files=…)")
        name = _text(one.name, (*place, str(number), "name"))
        if found.get(name) is one:
            what = f"component '{name}' is in the list twice"
            raise NotPlainError(what, (*place, name))
        if name in found:
            file, line = made_at(found[name])
            what = f"two components are named '{name}'"
            hint = f"the other was made in line {line} of {os.path.basename(file)}"
            raise NotPlainError(what, (*place, name), hint)
        found[name] = one
    return found


def _component(name: str, one: Any) -> Any:  # noqa: ANN401 (whatever was given)
    place: Place = ("components", name)
    if not isinstance(one, Component):
        return plain(one, place)
    given = given_keys(one)
    given.pop("name")
    files = given.get("files")
    if isinstance(files, list | tuple) and not files:
        raise NotPlainError(
            f"component '{name}' has an empty list of files",
            (*place, "files"),
            "glob looks from where you are, not from the configuration file; a pattern given as "
            "text (files='data/*.root') is relative to the file",
        )
    return {key: _key(key, value, place) for key, value in given.items()}


def _key(key: str, value: Any, place: Place) -> Any:  # noqa: ANN401 (any value, any document)
    if isinstance(value, bool) and is_number(key):
        raise NotPlainError(f"{value} is not a whole number", (*place, key))
    return plain(value, (*place, key))


def plain(value: Any, place: Place) -> Any:  # noqa: ANN401 (as above)
    """Return dicts, lists, texts and booleans for a value.

    Numbers become texts, as they are in any document: integers by their digits, floats as Python
    prints them.

    Raises:
        NotPlainError: no document can hold it.
    """
    if len(place) > _DEEPEST:
        what = f"blocks and lists nest more than {_DEEPEST} deep"
        raise NotPlainError(what, place[:5], "does one of them hold itself?")
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return _block(value, place)
    if isinstance(value, list | tuple | range):
        return [_item(item, (*place, str(number))) for number, item in enumerate(value)]
    return _text(value, place)


def _block(value: Mapping[Any, Any], place: Place) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(key, bool | None):
            raise NotPlainError(f"the key {key} is not a text", place)
        name = _text(key, place)
        if name in block:
            raise NotPlainError(f"'{name}' is given twice in one block", place)
        if item is not None:
            block[name] = plain(item, (*place, name))
    return block


def _item(item: Any, place: Place) -> Any:  # noqa: ANN401 (as above)
    if item is None:
        raise NotPlainError("None in a list", place, "leave the item out, or write ''")
    return plain(item, place)


def _text(value: Any, place: Place) -> str:  # noqa: ANN401 (as above)
    text = _written(value, place)
    bad = _NO_ARGUMENT.search(text)
    if bad:
        what = f"the character U+{ord(bad[0]):04X} cannot be part of a value"
        hint = None if bad[0] == "\0" else "the name of a file that is not UTF-8? Rename the file"
        raise NotPlainError(what, place, hint)
    return text


def _written(value: Any, place: Place) -> str:  # noqa: ANN401 (as above)
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return float.__repr__(value)  # numpy's float64 shows its type
    if isinstance(value, Integral):
        try:
            return int.__repr__(int(value))
        except ValueError as error:
            raise NotPlainError(str(error), place) from error
    if isinstance(value, Decimal) or (isinstance(value, Real) and not isinstance(value, Rational)):
        return str(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        if isinstance(path, str):
            return path
    raise NotPlainError(f"{_kind(value)} cannot be written into a spec", place, _way_out(value))


def _kind(value: object) -> str:
    name = type(value).__qualname__
    return "None" if value is None else f"a value of type {name}"


def _way_out(value: object) -> str:
    if isinstance(value, AbstractSet):
        return "a set has no order: write sorted(…)"
    if isinstance(value, bytes):
        return "decode it: ….decode()"
    if isinstance(value, Keys):
        return "components stand under components="
    if isinstance(value, Sequence) or hasattr(value, "__iter__"):
        return "write list(…), or sorted(…) where the order is not fixed, as with Path.glob"
    return "give a text, a number, True or False, a list or a dict"
