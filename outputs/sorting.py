"""Records in order, however many there are: runs on the disk, merged when they are read.

At most about 100 MB of memory: one run that is being filled, and a piece of each run on the disk.
"""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from outputs.staged import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Record: TypeAlias = "tuple[Any, ...]"
"""Tuples, texts, bytes and numbers, nested as one likes."""

RUN = 48 << 20
"""Bytes of records, as Python keeps them, before they go to the disk."""
RUNS = 64
"""Runs on the disk before they become one: each needs a descriptor and a piece in memory."""
_PIECE = 256 << 10
_EACH = 400
"""What a record takes in memory beside its content (tuples, texts, numbers)."""


class Sorter:
    """Takes records in any order and gives them back sorted, once."""

    def __init__(self, target: str) -> None:
        """Prepare to sort; files without a name, which go with the process, lie beside target."""
        self._target = os.path.abspath(target)
        self._here: list[Record] = []
        self._size = 0
        self._runs: list[BinaryIO] = []

    def add(self, record: Record, size: int) -> None:
        """Take one record with ``size`` bytes of content.

        Raises:
            UserError: the disk is full or gone.
        """
        self._here.append(record)
        self._size += size + _EACH
        if self._size > RUN:
            self._spill()

    def __iter__(self) -> Iterator[Record]:
        """Yield all records in order."""
        self._here.sort()
        if not self._runs:
            yield from self._here
            return
        yield from heapq.merge(*map(self._read, self._runs), self._here)

    def close(self) -> None:
        """Give the disk's space back."""
        for run in self._runs:
            run.close()
        self._runs, self._here = [], []

    def _spill(self) -> None:
        self._here.sort()
        self._runs.append(self._written(self._here))
        self._here, self._size = [], 0
        if len(self._runs) >= RUNS:
            one = self._written(heapq.merge(*map(self._read, self._runs)))
            for run in self._runs:
                run.close()
            self._runs = [one]

    def _written(self, records: Iterable[Record]) -> BinaryIO:
        with writing(self._target):
            file = tempfile.TemporaryFile(dir=os.path.dirname(self._target))  # noqa: SIM115
            try:
                for piece in _pieces(records):
                    marshal.dump(piece, file)
                file.flush()
            except BaseException:
                file.close()
                raise
        return file

    def _read(self, run: BinaryIO) -> Iterator[Record]:
        run.seek(0)
        end = os.fstat(run.fileno()).st_size
        while run.tell() < end:
            # Our own bytes, from a file that nobody else can open.
            yield from marshal.load(run)  # noqa: S302


def _pieces(records: Iterable[Record]) -> Iterator[list[Record]]:
    piece: list[Record] = []
    size = 0
    for record in records:
        piece.append(record)
        size += _EACH + sum(len(part) for part in record if isinstance(part, bytes))
        if size > _PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
