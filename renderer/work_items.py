"""The items of components: found, put in order, and each there once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from manifest.errors import UserError
from manifest.spec import Spec
from manifest.splitting import Part, Row
from manifest.work import FileCommand, Work
from renderer.patterns import has_pattern, matching
from runners.listing import listing

_LISTING_S = 600.0
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f]")

Items = Mapping[str | None, Sequence[str]]
"""Component (None: the run has none) -> its items, in the order in which they are dealt out."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Items with the places where they stand, for messages."""

    place: str
    items: list[str]
    lines: Sequence[int] | None = None
    """The line of each, where they stand in a list."""

    def places(self) -> Iterator[tuple[str, str]]:
        lines = self.lines or [0] * len(self.items)
        for item, line in zip(self.items, lines, strict=True):
            yield item, f"{self.place}:{line}" if line else self.place


def find_items(spec: Spec, base: str) -> dict[str | None, list[str]]:
    """Find the items of every component that has any.

    Args:
        spec: what the user wants.
        base: the spec's directory; relative paths start there.

    Raises:
        UserError: there are none, one is there twice, or one cannot be written on a line.
    """
    found: dict[str | None, list[str]] = {}
    for name, component in spec.parts():
        work = component.does
        if work.items:
            where = "work.items" if name is None else f"components.{name}.work.items"
            found[name] = _items(work, base, where)
    return found


def items_of(items: Sequence[str], part: Part, row: Row) -> Sequence[str]:
    """Return the items of one shard, of all those of its component."""
    if part.work.modulo:
        return items[row.part :: part.shards]
    return items[row.start : row.start + row.size]


def _items(work: Work, base: str, where: str) -> list[str]:
    sources = list(_sources(work, base, where))
    items = [item for source in sources for item in source.items]
    if not items:
        raise UserError(
            "there are no items: what stands here names none",
            where=where,
            hint="name at least one, or leave the component out",
        )
    if _UNUSABLE.search("".join(items)) or not all(items):
        _refuse_unusable(sources)
    if len(set(items)) < len(items):
        _refuse_doubles(sources)
    return sorted(items) if work.sorted else items


def _sources(work: Work, base: str, where: str) -> Iterator[_Source]:
    for position, entry in enumerate(work.items):
        place = f"{where}[{position}]"
        if isinstance(entry, FileCommand):
            text = listing(entry.command, base, _LISTING_S, place)
            yield _listed(text, f"{place}: {entry.command[0]}")
        elif entry.startswith("@"):
            path = os.path.join(base, entry[1:])
            yield _listed(_read(path, place), path)
        elif has_pattern(entry):
            yield _Source(place, _expanded(entry, base, place))
        else:
            yield _Source(place, [entry])


def _read(path: str, where: str) -> str:
    try:
        with open(path, "rb") as stream:
            return os.fsdecode(stream.read().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise UserError(
            f"the list of items cannot be read: {error.strerror}",
            where=f"{where}: {path}",
            hint="@NAME is a text file with one item a line, relative to the spec",
        ) from error


def _listed(text: str, place: str) -> _Source:
    """Return the items of a list: a line each, blanks around it left out, as comments are (#)."""
    pairs = [
        (item, number)
        for number, line in enumerate(text.split("\n"), start=1)
        if (item := line.strip(" \r\t")) and not item.startswith("#")
    ]
    return _Source(place, [item for item, _ in pairs], [number for _, number in pairs])


def _expanded(entry: str, base: str, place: str) -> list[str]:
    path = os.path.normpath(os.path.join(base, os.path.expanduser(entry)))
    try:
        found = matching(path)
    except OSError as error:
        raise UserError(
            f"the pattern '{entry}' may miss items: {error.filename}: {error.strerror}",
            where=place,
            hint="make the directory readable, or write a pattern that does not go there",
        ) from error
    if not found:
        raise UserError(
            f"the pattern '{entry}' finds nothing",
            where=f"{place}: {path}",
            hint="patterns are relative to the spec; an item with * ? or [ in it stands in a @list",
        )
    return found


def _refuse_unusable(sources: list[_Source]) -> None:
    for source in sources:
        for item, place in source.places():
            if not item or _UNUSABLE.search(item):
                raise UserError(
                    f"the item {item!r} is empty or has a tab, a line end or another control "
                    "character in it",
                    where=place,
                    hint="a ledger has one item a line, and what stands behind a tab is a remark",
                )


def _refuse_doubles(sources: list[_Source]) -> None:
    seen: dict[str, str] = {}
    for source in sources:
        for item, place in source.places():
            first = seen.setdefault(item, place)
            if first is not place:
                raise UserError(
                    f"the item '{item}' is there twice: {first} and {place}",
                    where=place,
                    hint="name every item once (patterns may overlap)",
                )
