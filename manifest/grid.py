"""A grid as a spec describes it: parameters, what goes together, what is left out or different."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from manifest.checks import Frozen
from manifest.decimals import Number, Range, number_of
from manifest.resources import Resources


def _identifier(name: str) -> str:
    if not name.isascii() or not name.isidentifier():
        raise ValueError(f"'{name}' will not do as {{{{ point.NAME }}}}: use letters, digits and _")
    return name


_Name = Annotated[str, AfterValidator(_identifier)]


def _listed(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return [value] if isinstance(value, str | dict | Frozen) else value


class Interval(Frozen):
    """Numbers that a condition takes; every bound that is given has to hold."""

    from_: Number | None = Field(default=None, alias="from")
    to: Number | None = None
    above: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give a bound: from:, to: (included), above: or below:")
        return self

    def takes(self, text: str) -> bool:
        """Say whether a value is a number within the bounds."""
        value = number_of(text)
        if value is None:
            return False
        bounds = (
            (self.from_, operator.ge),
            (self.to, operator.le),
            (self.above, operator.gt),
            (self.below, operator.lt),
        )
        return all(bound is None or holds(value, Decimal(bound)) for bound, holds in bounds)

    def shown(self) -> str:
        """Return it as messages show it.

        >>> Interval.model_validate({"from": "1", "below": "2"}).shown()
        'from 1 below 2'
        """
        bounds = self.model_dump(by_alias=True, exclude_unset=True)
        return " ".join(f"{word} {bound}" for word, bound in bounds.items())


def _which(value: Any) -> str:  # noqa: ANN401 (as above)
    return "[block]" if isinstance(value, dict | Frozen) else "[text]"


_Text = Annotated[str, Field(min_length=1), Tag("[text]")]
# The tags are no part of a place in the spec: manifest.loading leaves out what is in brackets.
_Value = Annotated[_Text | Annotated[Range, Tag("[block]")], Discriminator(_which)]
_Wanted = Annotated[_Text | Annotated[Interval, Tag("[block]")], Discriminator(_which)]
Axis = Annotated[
    tuple[_Value, ...],
    BeforeValidator(_listed, json_schema_input_type=tuple[_Value, ...] | Range | str),
]
"""The values of a parameter: texts and ranges."""
When = dict[
    str,
    Annotated[
        tuple[_Wanted, ...],
        BeforeValidator(_listed, json_schema_input_type=tuple[_Wanted, ...] | Interval | str),
    ],
]
"""Parameter -> the values it has to have, one of them; all parameters that are named count."""
_SomeWhen = Annotated[When, Field(min_length=1)]


class Exclusion(Frozen):
    """Points that are left out, and why."""

    when: _SomeWhen
    reason: str = Field(min_length=1)


class Override(Frozen):
    """What is different at some points."""

    when: _SomeWhen
    per_point: int | None = Field(default=None, gt=0)
    shards_per_point: int | None = Field(default=None, gt=0)
    resources: Resources | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.model_fields_set == {"when"}:
            raise ValueError("says nothing: give per_point:, shards_per_point: or resources:")
        return self


def _groups(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return [value]
    return value


class GridWork(Frozen):
    """A grid: every combination of the parameters' values is a point."""

    grid: dict[_Name, Axis] = Field(default_factory=dict)
    zip: Annotated[
        tuple[tuple[str, ...], ...],
        BeforeValidator(
            _groups, json_schema_input_type=tuple[str, ...] | tuple[tuple[str, ...], ...]
        ),
    ] = ()
    """Groups of parameters that go together: first values with first values, and so on."""
    exclude: tuple[Exclusion, ...] = ()
    overrides: tuple[Override, ...] = ()
    per_point: int | None = Field(default=None, gt=0, le=(1 << 63) - 1)
    """Equal units (events, toys) of each point; 1 unless said."""
    shards_per_point: int | None = Field(default=None, gt=0)
    """The units of each point are divided among so many shards; 1 unless said."""

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if "grid" in self.model_fields_set and not self.grid:
            raise ValueError("grid: is empty; name at least one parameter with its values")
        for name, axis in self.grid.items():
            if not axis:
                raise ValueError(f"grid.{name}: is empty; give it at least one value")
        for name in GridWork.model_fields:
            if not self.grid and name in self.model_fields_set:
                raise ValueError(f"{name}: is for a grid:, and there is none")
        return self
