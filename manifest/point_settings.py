"""What the points of a grid are given: the same for all, but where overrides say otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manifest.grid import GridWork, Override
from manifest.resources import Resources

_NEEDS = "resources."


@dataclass(frozen=True, slots=True)
class Settings:
    """What a point is given."""

    units: int
    shards: int
    resources: Resources | None
    """What it needs otherwise than its component."""


def settings_of(work: GridWork, fitting: Iterable[tuple[int, Override]]) -> Settings:
    """Return what a point is given.

    Args:
        work: the grid.
        fitting: the overrides that fit the point, with their numbers.

    Raises:
        ValueError: they contradict each other, or it has more shards than units.
    """
    given: dict[str, tuple[int, int]] = {}
    for number, rule in fitting:
        for name, value in _said(rule).items():
            before, earlier = given.setdefault(name, (value, number))
            if before != value:
                message = f"overrides[{earlier}] and [{number}] contradict each other about {name}"
                raise ValueError(message)
    values = {name: value for name, (value, _) in given.items()}
    units = values.get("per_point") or work.per_point or 1
    shards = values.get("shards_per_point") or work.shards_per_point or 1
    if shards > units:
        raise ValueError(
            f"{shards} shards of {units} units: {shards - units} would be empty; say per_point: "
            "how many units there are"
        )
    needs = {
        name.removeprefix(_NEEDS): value
        for name, value in values.items()
        if name.startswith(_NEEDS)
    }
    return Settings(units, shards, Resources.model_validate(needs) if needs else None)


def _said(rule: Override) -> dict[str, int]:
    said = rule.model_dump(exclude_unset=True, exclude={"when", "resources"})
    needs = rule.resources.model_dump(exclude_unset=True) if rule.resources else {}
    return said | {_NEEDS + name: value for name, value in needs.items()}
