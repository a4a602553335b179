"""The rows of resumed shards: of each item once, from the attempt that has finished it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from collectors.run_facts import RunFacts
from farmhand.merge_accepted import Accepted
from manifest.item_table import read_lines
from manifest.layout import BLOCK, block_of
from outputs.csv_rows import TableError
from outputs.facts import Source
from outputs.item_rows import read_ledger
from outputs.job import refuse
from outputs.staged import StagedFile, temporary_name, writing


@contextlib.contextmanager
def pooled(facts: RunFacts, accepted: Sequence[Accepted], wanted: str) -> Iterator[list[Source]]:
    """Yield one table a shard, made of its accepted attempts; they are gone afterwards.

    Args:
        facts: the run.
        accepted: in the order of shards, and of a shard's attempts in theirs.
        wanted: the output that is merged.

    Raises:
        Refusal: a table is not as it was, or two of a shard have other columns.
    """
    folder = temporary_name(os.path.join(facts.run, "items"))
    with writing(folder):
        os.mkdir(folder)
    try:
        lines: tuple[int, list[bytes]] = (-1, [])
        sources = []
        for index, attempts in groupby(accepted, key=lambda one: one.facts.index):
            if block_of(index) != lines[0]:
                lines = block_of(index), read_lines(facts.run, block_of(index))
            items = set(os.fsdecode(lines[1][index % BLOCK]).split("\t"))
            path = os.path.join(folder, f"{index}.csv")
            sources.append(_pool(facts, list(attempts), wanted, items, path))
        yield sources
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pool(
    facts: RunFacts, attempts: list[Accepted], wanted: str, items: set[str], path: str
) -> Source:
    """Write the rows of one shard: of an item, those of the first attempt that has finished it."""
    entries = [one.outputs[wanted]["path"] for one in attempts]
    header = b""
    left = set(items)
    with StagedFile(path) as result:
        for one, shown in zip(attempts, entries, strict=True):
            source = Source(one.facts, os.path.join(facts.run, shown), shown)
            table = facts.item_table(wanted, source.path, whole=one.whole)
            try:
                mine = read_ledger(os.path.join(facts.run, one.folder), items).done.keys() & left
                rows = [(item, row) for item, row in table.rows() if item in mine]
            except (OSError, TableError) as error:
                raise refuse(source, f"cannot be read: {error}") from error
            if header and table.header != header:
                raise refuse(source, "its columns are not those of an earlier attempt")
            if not header:
                header = table.header
                result.write(header)
            for _, row in rows:
                result.write(row)
            # As collect counts: what did not end well has finished the items that have rows.
            left -= mine if one.whole else {item for item, _ in rows}
        os.rename(result.path, path)
    if left:
        raise refuse(source, f"{len(left)} items are in no ledger any more, such as '{min(left)}'")
    names = "+".join(one.facts.attempt for one in attempts)
    return Source(replace(attempts[0].facts, attempt=names), path, " + ".join(entries))
