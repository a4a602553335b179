"""The names of shards, made by the spec's pattern: safe, unique, and of points readable back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from manifest.errors import UserError
from manifest.names import name_problem
from manifest.points import told
from manifest.splitting import Part, Row, rows
from renderer.point_names import NameReader


class Namer:
    """Gives names to the rows of a plan, block by block."""

    def __init__(
        self, parts: list[Part], reader: NameReader, point: Callable[[Row], dict[str, str]]
    ) -> None:
        """Take a reader of names, and what tells the parameters of a row."""
        self._parts = parts
        self._reader = reader
        self._point = point
        self._seen: dict[str, int] = {}

    def named(self, block: list[Row], texts: str) -> Iterator[Row]:
        """Yield the rows of a block with their names, one a line of ``texts``.

        Raises:
            UserError: a name is unsafe, is there twice, or does not read back.
        """
        names = texts.split("\n")[:-1]
        if len(names) != len(block):
            raise UserError("a shard's name may not contain a line end", where="shard_name")
        for row, name in zip(block, names, strict=True):
            problem = name_problem(name)
            if problem:
                raise UserError(f"{self._told(row)}: {problem}", where="shard_name")
            if self._seen.setdefault(name, row.shard) != row.shard:
                self._refuse(name, row)
            if row.point:
                self._reader.check(name, self._point(row))
            yield row._replace(name=name)

    def _refuse(self, name: str, row: Row) -> None:
        first = next(islice(rows(self._parts), self._seen[name], None))
        raise UserError(
            f"two shards would be named '{name}': {self._told(first)} and {self._told(row)}",
            where="shard_name",
            hint="let the name contain {{ shard.index }} or everything that tells them apart",
        )

    def _told(self, row: Row) -> str:
        return f"shard {row.shard}" + (f" ({told(self._point(row))})" if row.point else "")
