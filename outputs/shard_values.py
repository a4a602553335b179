"""What a name stands for in a table and its shard: a column, or a value that the plan has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest.checks import SHARD_VALUE
from manifest.errors import Refusal
from outputs.job import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outputs.facts import Source

Place = int | str
"""A column's number, or a text that is the same in all rows of a shard."""


def is_shard_value(name: str) -> bool:
    """Say whether a name is that of something known of a shard.

    >>> is_shard_value("params.mass"), is_shard_value("mass")
    (True, False)
    """
    return SHARD_VALUE.fullmatch(name) is not None


def short(name: str) -> str:
    """Return a name without where it comes from.

    >>> short("params.mass"), short("mass")
    ('mass', 'mass')
    """
    match = SHARD_VALUE.fullmatch(name)
    return match["name"] or name if match else name


def value_of(source: Source, name: str) -> str:
    """Return what the plan has under a name for a shard.

    Raises:
        Refusal: nothing.
    """
    facts = source.facts
    prefix, _, rest = name.partition(".")
    values: Mapping[str, str | None] = {"component": facts.component, "shard.name": facts.name}
    key = name
    if prefix in ("params", "point"):
        values, key = {"params": facts.params, "point": facts.point}[prefix], rest
    found = values.get(key)
    if found is None:
        known = ", ".join(f"{prefix}.{one}" for one in values) if rest else "no components"
        raise refuse(source, f"has no {name}; it has {known or f'no {prefix}'}")
    return found


def place_of(source: Source, header: Sequence[str], name: str) -> Place:
    """Return where the value of a name stands.

    Raises:
        Refusal: nowhere, or in two places.
    """
    if is_shard_value(name):
        if name in header:
            raise Refusal(
                f"not merged: {name} is a column of the tables, and is known of the shards too",
                where=source.shown,
                hint="give the column another name",
            )
        return value_of(source, name)
    if name not in header:
        raise refuse(source, f"has no column {name}; it has {', '.join(header)[:300]}")
    return header.index(name)


def values_at(places: Sequence[Place], fields: Sequence[str]) -> tuple[str, ...]:
    """Return the values of a row.

    >>> values_at([1, "x"], ["a", "b"])
    ('b', 'x')
    """
    return tuple([place if isinstance(place, str) else fields[place] for place in places])
