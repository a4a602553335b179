"""Keys that must be unique over all shards, and those that are expected."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from manifest.errors import Refusal
from outputs.job import refuse
from outputs.sorting import Sorter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from outputs.job import MergeJob

Key = tuple[str, ...]
_SHOWN = 5


@dataclass(slots=True)
class Row:
    """A row that has a key."""

    key: Key
    number: int
    """Of its source."""
    row: int
    """Of the row in its source."""
    group: Key
    raw: bytes


@dataclass(slots=True)
class UniqueKeys:
    """All keys of a merge, sorted outside of memory."""

    job: MergeJob
    text_of: Callable[[str], str] = str
    """What of a key is compared with the expected ones."""
    doubled: set[tuple[int, int]] = field(default_factory=set)
    """(source, row) of rows that are there already, byte for byte."""
    missing: list[str] = field(default_factory=list)
    """Expected keys that are not there."""
    _sorter: Sorter = field(init=False)
    _clashes: int = 0
    _first_clash: tuple[Row, Row] | None = None

    def __post_init__(self) -> None:
        """Open the sorter."""
        self._sorter = Sorter(self.job.target)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the disk's space back."""
        self._sorter.close()

    def add(self, key: Key, number: int, row: int, group: Key = (), raw: bytes = b"") -> None:
        """Note a row's key; ``raw`` comes back from ``unique``, and is what makes rows identical.

        Raises:
            UserError: the disk is full or gone.
        """
        self._sorter.add((key, number, row, group, raw), len(raw))

    def check(self) -> None:
        """Look at all keys.

        Raises:
            Refusal: names a key that is there twice with its shards, or those that are missing.
        """
        for _ in self.unique():
            pass

    def unique(self) -> Iterator[Row]:
        """Yield the rows in the order of their keys, each key once.

        Raises:
            Refusal: when all is read: names a key that is there twice, or those that are missing.
        """
        left = None if self.job.expected is None else set(self.job.expected)
        unknown: list[Row] = []
        last: Row | None = None
        identical = self.job.spec.duplicates == "identical"
        for record in self._sorter:
            found = Row(*record)
            if last is not None and last.key == found.key:
                if identical and (last.raw, last.group) == (found.raw, found.group):
                    self.doubled.add((found.number, found.row))
                else:
                    self._clashes += 1
                    self._first_clash = self._first_clash or (last, found)
                continue
            if left is not None:
                _tick(left, self.text_of(found.key[0]), found, unknown)
            last = found
            yield found
        self._refuse_clash()
        self._refuse_others(left, unknown)

    def _refuse_clash(self) -> None:
        if self._first_clash is None:
            return
        first, second = self._first_clash
        source, other = self.job.sources[second.number], self.job.sources[first.number]
        same = first.number == second.number
        where = f"is there twice, in rows {first.row} and {second.row}"
        where = where if same else f"is also in {other.label}"
        more = f" ({self._clashes - 1} more rows have a key twice)" if self._clashes > 1 else ""
        raise refuse(source, f"{self._text(second.key)} {where}{more}")

    def _refuse_others(self, left: set[str] | None, unknown: list[Row]) -> None:
        if unknown:
            source = self.job.sources[unknown[0].number]
            raise refuse(source, f"{self._text(unknown[0].key)} is none of those that were planned")
        self.missing = sorted(left or ())
        if self.missing and not self.job.allow_partial:
            shown = ", ".join(self.missing[:_SHOWN])
            more = len(self.missing) - _SHOWN
            raise Refusal(
                f"not merged: {len(self.missing)} of the planned keys are in no output: {shown}"
                + (f" and {more} more" if more > 0 else ""),
                where=self.job.target,
                hint="redo the shards that should have written them, or merge without them with "
                "--allow-partial",
            )

    def _text(self, key: Key) -> str:
        pairs = zip(self.job.spec.key, key, strict=True)
        return "key " + ", ".join(f"{name}={value}" for name, value in pairs)


def _tick(left: set[str], text: str, found: Row, unknown: list[Row]) -> None:
    with contextlib.suppress(KeyError):
        left.remove(text)
        return
    if not unknown:
        unknown.append(found)
