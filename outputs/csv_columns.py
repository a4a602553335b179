"""The columns of a merged table, and how the rows of each shard become rows of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from manifest.errors import Refusal
from outputs.csv_rows import Table, TableError, raw_fields, without_end
from outputs.job import reading, refuse
from outputs.shard_values import Place, place_of, value_of, values_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outputs.facts import Source
    from outputs.job import MergeJob

_SHOWN = 8
"""Columns that fit a line of a message."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of one shard need to become rows of the result."""

    key_places: list[Place]
    group_places: list[Place]
    picked: list[int | None] | None
    """Columns of the shard's table, None for one that it lacks; None: all, as they are."""
    tail: bytes
    """What the source column adds."""
    delimiter: bytes
    newline: bytes

    def key(self, fields: list[str]) -> tuple[str, ...]:
        """Return a row's key."""
        return values_at(self.key_places, fields)

    def group(self, fields: list[str]) -> tuple[str, ...]:
        """Return what decides in which file a row belongs."""
        return values_at(self.group_places, fields) if self.group_places else ()

    def result(self, raw: bytes) -> bytes:
        """Return a row of the result, with a newline at its end."""
        if self.picked is None and not self.tail and raw.endswith(b"\n"):
            return raw
        bare = without_end(raw)
        end = raw[len(bare) :] or self.newline
        if self.picked is not None:
            fields = raw_fields(bare, self.delimiter)
            bare = self.delimiter.join([b"" if n is None else fields[n] for n in self.picked])
        return (bare + self.tail or b'""') + end  # a line with nothing on it would be no row


@dataclass(slots=True)
class Columns:
    """What the tables agree on."""

    job: MergeJob
    header: list[str] = field(default_factory=list)
    """Columns of the tables, or of all of them together; the source column is none of them."""
    _raw: list[bytes] = field(default_factory=list)
    _first: Source | None = None
    _newline: bytes = b"\n"

    def __post_init__(self) -> None:
        """Read the headers that the result's follows from.

        Raises:
            Refusal: one cannot be read, or a column that the spec names is not there.
        """
        union = self.job.spec.columns == "union"
        for source in self.job.sources if union else self.job.sources[:1]:
            with opened(source, self.job.spec.delimiter) as table:
                self._take(source, table)
        lost = [name for name in self.job.spec.non_additive if name not in self.header]
        if lost:
            raise refuse(
                self.job.sources[0],
                f"has no column {lost[0]}, which merge.non_additive names; "
                f"it has {shown(self.header)}",
            )

    @property
    def kept(self) -> list[str]:
        """Return the columns of the result."""
        return [self.header[n] for n in self._kept()]

    def first_line(self) -> bytes:
        """Return the header of the result."""
        spec = self.job.spec
        raw = [self._raw[n] for n in self._kept()]
        if spec.source_column is not None:
            raw.append(quoted(spec.source_column, spec.delimiter))
        return self.job.spec.delimiter.encode().join(raw) + self._newline

    def shape(self, source: Source, table: Table) -> Shape:
        """Return what the rows of a table need.

        Raises:
            Refusal: it has other columns, or lacks a value that rows are told apart by.
        """
        self._refuse_names(source, table)
        spec = self.job.spec
        if table.header != self.header and spec.columns != "union":
            raise self._other_columns(source, table)
        numbers = {name: number for number, name in enumerate(table.header)}
        whole = table.header == self.header and not spec.drop
        tail = b""
        if spec.source_column is not None:
            value = quoted(value_of(source, spec.source), spec.delimiter)
            tail = spec.delimiter.encode() + value
        return Shape(
            [place_of(source, table.header, name) for name in spec.key],
            [place_of(source, table.header, name) for name in spec.group_by],
            None if whole else [numbers.get(name) for name in self.kept],
            tail,
            spec.delimiter.encode(),
            self._newline,
        )

    def _kept(self) -> list[int]:
        gone = self.job.spec.non_additive if self.job.spec.drop else ()
        return [number for number, name in enumerate(self.header) if name not in gone]

    def _take(self, source: Source, table: Table) -> None:
        self._refuse_names(source, table)
        if self._first is None:
            self._first = source
            self._newline = b"\r\n" if table.raw_header.endswith(b"\r\n") else b"\n"
        raw = raw_fields(without_end(table.raw_header), self.job.spec.delimiter.encode())
        if not self.header:
            self.header, self._raw = list(table.header), raw
            return
        known = set(self.header)
        for name, as_it_stands in zip(table.header, raw, strict=True):
            if name not in known:
                self.header.append(name)
                self._raw.append(as_it_stands)

    def _refuse_names(self, source: Source, table: Table) -> None:
        spec = self.job.spec
        named = spec.key or spec.group_by or spec.non_additive or spec.columns == "union"
        if named and len(set(table.header)) < len(table.header):
            raise refuse(source, f"two columns have one name: {shown(table.header)}")
        if spec.source_column is not None and spec.source_column in table.header:
            raise Refusal(
                f"not merged: the tables already have a column {spec.source_column}",
                where=source.shown,
                hint="choose another merge.source_column",
            )

    def _other_columns(self, source: Source, table: Table) -> Refusal:
        first = self._first or source
        told = [
            f"only {who.label} has {shown(names)}"
            for who, names in (
                (source, [name for name in table.header if name not in self.header]),
                (first, [name for name in self.header if name not in table.header]),
            )
            if names
        ]
        return Refusal(
            f"not merged: {source.label}: the header is {shown(table.header)}; {first.label} has "
            f"{shown(self.header)}: {'; '.join(told) or 'the same columns in another order'}",
            where=f"{source.shown} and {first.shown}",
            hint="if both are right, columns: union under merge: leaves empty what a table lacks; "
            "write it into a spec, and: farmhand merge RUN --spec FILE",
        )


@contextlib.contextmanager
def opened(source: Source, delimiter: str) -> Iterator[Table]:
    """Open a shard's table and read its header.

    Raises:
        Refusal: it cannot be read, or has none.
    """
    with reading(source):
        file = open(source.path, "rb", buffering=1 << 16)  # noqa: SIM115 (closed by the next with)
    with file:
        with reading(source):
            try:
                table = Table(file, delimiter)
            except TableError as error:
                raise refuse(source, str(error)) from error
        yield table


def rows_of(source: Source, table: Table) -> Iterator[tuple[list[str], bytes]]:
    """Yield the rows of a shard's table.

    Raises:
        Refusal: the table is damaged.
    """
    with reading(source):
        try:
            yield from table
        except TableError as error:
            raise refuse(source, str(error)) from error


def shown(fields: list[str]) -> str:
    """Return columns for a message."""
    text = ", ".join(field.encode("utf-8", "replace").decode() for field in fields[:_SHOWN])
    return f"{text}, …" if len(fields) > _SHOWN else text


def quoted(value: str, delimiter: str) -> bytes:
    """Return a field; quotes are doubled, everything that is not a plain word is quoted.

    >>> quoted("a b", ",")
    b'"a b"'
    """
    plain = value.replace("_", "").replace("-", "").replace(".", "").isalnum()
    raw = value.encode("utf-8", "surrogateescape")
    return raw if plain and delimiter not in value else b'"' + raw.replace(b'"', b'""') + b'"'
