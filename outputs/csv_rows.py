"""Tables as rows of (fields, raw bytes): the csv module decides where a row ends.

Importing this module lifts csv's limit of 131,072 characters a field for the whole process.
"""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

_SMALL = 1 << 20
BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class TableError(ValueError):
    """What stands in a file cannot be read as a table; the text says where and why."""


@dataclass(slots=True)
class Table:
    """One open table: its header, then its rows.

    Iterating yields ``(fields, raw)`` for each data row; ``raw`` are the row's bytes as they stand
    in the file, line ends included. Lines without anything on them are no rows.
    """

    file: BinaryIO
    delimiter: str = ","
    seen: Callable[[bytes], None] | None = None
    """Told of every physical line that is read (a text rule looks at the same pass)."""
    header: list[str] = field(init=False)
    raw_header: bytes = field(init=False)
    _rows: Iterator[tuple[list[str], bytes]] = field(init=False)

    def __post_init__(self) -> None:
        """Read the header.

        Raises:
            TableError: there is none, or the file is UTF-16.
        """
        self._rows = self._read()
        first = next(self._rows, None)
        if first is None:
            raise TableError("has no header line")
        self.header, self.raw_header = first

    def __iter__(self) -> Iterator[tuple[list[str], bytes]]:
        """Yield the data rows.

        Raises:
            TableError: malformed quoting, or a row with another number of fields than the header.
        """
        width = len(self.header)
        for number, (fields, raw) in enumerate(self._rows, start=1):
            if len(fields) != width:
                raise TableError(f"data row {number} has {len(fields)} fields, the header {width}")
            yield fields, raw

    def _read(self) -> Iterator[tuple[list[str], bytes]]:
        pending: list[bytes] = []

        def lines() -> Iterator[str]:
            for number, line in enumerate(self.file):
                if self.seen is not None:
                    self.seen(line)
                if number == 0:
                    if line.startswith(_UTF16):
                        raise TableError("is UTF-16; write it as UTF-8")
                    line = line.removeprefix(BOM)  # noqa: PLW2901 (the mark is no part of the line)
                pending.append(line)
                yield line.decode("utf-8", "surrogateescape")

        reader = csv.reader(lines(), delimiter=self.delimiter, strict=True)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise TableError(f"line {reader.line_num}: {error}") from error
            raw = b"".join(pending)
            pending.clear()
            if fields:
                yield fields, raw


def plain_table(file: BinaryIO, delimiter: str) -> tuple[list[str], int] | None:
    """Return (header, number of rows) of a small table without quotes, many times faster.

    None, with the file at its beginning again, when the csv module has to decide: a quote, a lone
    carriage return, a byte order mark, a row of another width, or more than a megabyte.
    """
    data = file.read(_SMALL)
    file.seek(0)
    ascii_delimiter = delimiter.encode()
    data = data.replace(b"\r\n", b"\n")
    odd = len(ascii_delimiter) > 1 or len(data) >= _SMALL or data[:1] in (b"\xef", b"\xff", b"\xfe")
    if odd or b'"' in data or b"\r" in data:
        return None
    lines = [line for line in data.split(b"\n") if line]
    if not lines or {line.count(ascii_delimiter) for line in lines} != {
        lines[0].count(ascii_delimiter)
    }:
        return None
    header = lines[0].decode("utf-8", "surrogateescape").split(delimiter)
    return header, len(lines) - 1


def raw_fields(row: bytes, delimiter: bytes) -> list[bytes]:
    """Split a row (without its line end) into fields as they stand in the file, quotes included.

    >>> raw_fields(b'1,"a,b",', b",")
    [b'1', b'"a,b"', b'']
    """
    if b'"' not in row:
        return row.split(delimiter)
    # A quote opens a field only where the field begins: elsewhere the csv module takes it as it is.
    one = rb'(?:\A|%b)("(?:[^"]|"")*"|(?:(?!%b).)*)' % ((re.escape(delimiter),) * 2)
    return re.findall(one, row, re.DOTALL)


def without_end(raw: bytes) -> bytes:
    """Return a row without its line end."""
    return raw.removesuffix(b"\n").removesuffix(b"\r")
