"""``merge.recompute`` of a table: new values where columns do not add up, and nowhere else."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from outputs.csv_columns import shown
from outputs.csv_rows import Table, TableError, raw_fields, without_end
from outputs.non_additive import recomputed, wrong
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from outputs.job import MergeJob


def recompute_table(job: MergeJob, path: str, name: str) -> None:
    """Replace a finished table by itself with recomputed columns.

    The fields of all other columns are taken from the table as it was, so they keep their bytes;
    those that the command wrote must be equal to them row by row: only then these are its rows.

    Raises:
        Refusal: the command failed, or changed something else.
        UserError: the result cannot be written.
    """
    delimiter = job.spec.delimiter
    with (
        recomputed(job, path, name) as written,
        open(path, "rb") as old,
        open(written, "rb") as new,
        StagedFile(path) as result,
    ):
        try:
            _combine(job, Table(old, delimiter), Table(new, delimiter), result, name)
        except TableError as error:
            raise wrong(name, f"wrote no table: {error}") from error
        result.publish()


def _combine(job: MergeJob, old: Table, new: Table, result: StagedFile, name: str) -> None:
    if new.header != old.header:
        told = f"wrote the columns {shown(new.header)} instead of {shown(old.header)}"
        raise wrong(name, told)
    delimiter = job.spec.delimiter.encode()
    changed = [old.header.index(column) for column in job.spec.non_additive]
    others = [n for n in range(len(old.header)) if n not in changed]
    result.write(old.raw_header)
    for number, (ours, theirs) in enumerate(zip_longest(old, new), start=1):
        if ours is None or theirs is None:
            lost = "left out rows" if theirs is None else "added rows"
            raise wrong(name, f"{lost} after the first {number - 1}")
        for column in others:
            if ours[0][column] != theirs[0][column]:
                raise wrong(
                    name,
                    f"changed {old.header[column]} in row {number}: {ours[0][column]!r} became "
                    f"{theirs[0][column]!r}",
                )
        bare = without_end(ours[1])
        fields = raw_fields(bare, delimiter)
        made = raw_fields(without_end(theirs[1]), delimiter)
        for column in changed:
            fields[column] = made[column]
        result.write((delimiter.join(fields) or b'""') + ours[1][len(bare) :])
