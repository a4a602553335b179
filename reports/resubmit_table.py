"""What resubmit changes, old and new side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manifest.layout import ranges
from manifest.resources import Resources
from manifest.units import format_bytes, format_duration

_RAISED = ("memory", "walltime", "disk")


@dataclass(frozen=True, slots=True)
class Change:
    """Shards that are redone for one cause."""

    cause: str
    shards: Iterable[int]
    old: Resources
    new: Resources
    why: str


def resubmit_table(changes: Iterable[Change], width: int) -> list[str]:
    """Return the lines of the table, about ``width`` characters wide."""
    lines = [f"{'shards':>6}  {'cause':<11}  {'old -> new':<28}  which"]
    for change in changes:
        shards = sorted(change.shards)
        which = _short(ranges(shards), width - 51)
        what = _difference(change.old, change.new) or change.why
        lines.append(f"{len(shards):>6}  {change.cause:<11}  {what:<28}  {which}")
    return lines


def _difference(old: Resources, new: Resources) -> str:
    return ", ".join(
        f"{name} {_amount(name, getattr(old, name))} -> {_amount(name, getattr(new, name))}"
        for name in _RAISED
        if getattr(old, name) != getattr(new, name)
    )


def _amount(name: str, value: int | None) -> str:
    if value is None:
        return "site's"
    return format_duration(value) if name == "walltime" else format_bytes(value)


def _short(text: str, width: int) -> str:
    limit = max(width, 16)
    return text if len(text) <= limit else text[: limit - 3].rpartition(",")[0] + ",..."
