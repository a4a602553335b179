"""What an attempt has finished: its ledger, and the rows of its tables by item.

A command writes an item's rows first and its line in the ledger last. So rows whose item is not in
the ledger are of an item half done, and a last line without its end does not count.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from outputs.csv_rows import Table, TableError

LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as it was read."""

    done: dict[str, None]
    """The items in it, in their order."""
    bytes: int
    """Of all lines that have their end."""
    problem: str | None
    """What is wrong with it; then nothing in it can be relied on."""


def ledger_lines(data: bytes) -> list[str]:
    r"""Return the items of a ledger's lines; what stands behind a tab is a remark.

    >>> ledger_lines(b"u1\nu2\t3.5 s\nu3")
    ['u1', 'u2']
    """
    lines = os.fsdecode(data).split("\n")[:-1]
    return [line.partition("\t")[0].removesuffix("\r") for line in lines if line]


def ledger_bytes(folder: str) -> bytes:
    """Return the ledger of an attempt as it is now.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    # O_NONBLOCK: a named pipe in the place of a ledger must not hang who reads it.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    handle = os.open(f"{folder}/{LEDGER}", flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(handle, "rb", buffering=0) as stream:
        return stream.read()


def read_ledger(folder: str, known: Collection[str]) -> Ledger:
    """Read the ledger of an attempt; where there is none, nothing is done.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        data = ledger_bytes(folder)
    except FileNotFoundError:
        data = b""
    done: dict[str, None] = {}
    problem = None
    for number, item in enumerate(ledger_lines(data), start=1):
        if item not in known:
            problem = problem or f"ledger, line {number}: '{item}' is no item of this shard"
        elif item in done:
            problem = problem or f"ledger, line {number}: '{item}' is there a second time"
        done[item] = None
    return Ledger(done, data.rfind(b"\n") + 1, problem)


@dataclass(slots=True)
class ItemTable:
    """The rows of one table, each with its item."""

    path: str
    column: str
    delimiter: str
    whole: bool
    """Whether the command ended well; else the table may break off, and is read up to there."""
    header: bytes = b""

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Yield (item, row with its line end); the header is known once the first one is asked for.

        Raises:
            OSError: the file cannot be read.
            TableError: it is damaged, or lacks the column.
        """
        with open(self.path, "rb") as stream:
            try:
                table = Table(stream, self.delimiter)
                self.header = _ended(table.raw_header)
                column = _column(table, self.column)
                for fields, raw in table:
                    if self.whole or raw.endswith(b"\n"):
                        yield fields[column], _ended(raw)
            except TableError:
                if self.whole:
                    raise


def _column(table: Table, name: str) -> int:
    if name not in table.header:
        raise TableError(f"has no column {name}")
    return table.header.index(name)


def _ended(raw: bytes) -> bytes:
    return raw if raw.endswith(b"\n") else raw + b"\n"
