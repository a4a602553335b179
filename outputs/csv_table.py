"""Tables with a header line: rows keep their bytes, keys are unique, groups get a file each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from manifest.errors import Refusal, UserError
from outputs.csv_columns import Columns, opened, rows_of
from outputs.csv_groups import GroupedRows, OneFile, Rows
from outputs.csv_recompute import recompute_table
from outputs.csv_rows import Table, TableError, without_end
from outputs.job import MergeReport
from outputs.keys import UniqueKeys
from outputs.non_additive import left_out, refuse_pooled
from outputs.proof import compact_ranges
from outputs.read_back import check_result, unequal
from outputs.sidecar import listed_files, publish_with_sidecar
from outputs.staged import StagedDirectory, StagedFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from outputs.csv_columns import Shape
    from outputs.job import MergeJob

    Take = Callable[[int, int, Shape, list[str], bytes], None]


def merge(job: MergeJob) -> MergeReport:
    """Merge the sources into one table, or into a directory of tables with ``group_by``.

    Raises:
        Refusal: headers differ, a key is there twice, a table is damaged, names of groups clash,
            columns that do not add up would be put together.
        UserError: the result cannot be written.
    """
    columns = Columns(job)
    if job.spec.group_by:
        _refuse_foreign_files(job.target)
    with (
        StagedDirectory(job.target) if job.spec.group_by else StagedFile(job.target) as result,
        UniqueKeys(job) as keys,
    ):
        rows: Rows
        if isinstance(result, StagedFile):
            rows = OneFile(result, columns.first_line())
        else:
            rows = _grouped(job, columns, result)
        parts = _WAYS[job.spec.order, job.spec.duplicates](job, columns, keys, rows)
        rows.finish()
        outputs = [_finished(job, rows, name) for name in rows.tallies]
        told = _count(parts, rows, keys)
        sidecar = publish_with_sidecar(job, result, parts, outputs, told)
    return _report(job, columns, rows, told, sidecar)


def _grouped(job: MergeJob, columns: Columns, result: StagedDirectory) -> GroupedRows:
    suffix = job.spec.extension or ("tsv" if job.spec.delimiter == "\t" else "csv")
    line = columns.first_line()
    return GroupedRows(result, job.spec.group_by, "." + suffix.lstrip("."), line, job.sources)


def _each(job: MergeJob, columns: Columns, take: Take) -> list[dict[str, int]]:
    """Hand over every row of every source; return the bytes and rows of each."""
    parts = []
    for number, source in enumerate(job.sources):
        row = 0
        with opened(source, job.spec.delimiter) as table:
            shape = columns.shape(source, table)
            for row, (fields, raw) in enumerate(rows_of(source, table), start=1):
                take(number, row, shape, fields, raw)
        parts.append({"bytes": os.stat(source.path).st_size, "rows": row})
    return parts


def _as_they_come(
    job: MergeJob, columns: Columns, keys: UniqueKeys, rows: Rows
) -> list[dict[str, int]]:
    def take(number: int, row: int, shape: Shape, fields: list[str], raw: bytes) -> None:
        if shape.key_places:
            keys.add(shape.key(fields), number, row)
        rows.add(shape.group(fields), shape.result(raw), number)

    parts = _each(job, columns, take)
    keys.check()
    return parts


def _without_doubles(
    job: MergeJob, columns: Columns, keys: UniqueKeys, rows: Rows
) -> list[dict[str, int]]:
    """Read everything twice: which rows are there twice is known only at the end."""

    def note(number: int, row: int, shape: Shape, fields: list[str], raw: bytes) -> None:
        keys.add(shape.key(fields), number, row, shape.group(fields), without_end(raw))

    def take(number: int, row: int, shape: Shape, fields: list[str], raw: bytes) -> None:
        if (number, row) not in keys.doubled:
            rows.add(shape.group(fields), shape.result(raw), number)

    _each(job, columns, note)
    keys.check()
    return _each(job, columns, take)


def _by_key(job: MergeJob, columns: Columns, keys: UniqueKeys, rows: Rows) -> list[dict[str, int]]:
    shapes: dict[int, Shape] = {}

    def note(number: int, row: int, shape: Shape, fields: list[str], raw: bytes) -> None:
        shapes[number] = shape
        keys.add(shape.key(fields), number, row, shape.group(fields), without_end(raw))

    parts = _each(job, columns, note)
    for row in keys.unique():
        rows.add(row.group, shapes[row.number].result(row.raw), row.number)
    return parts


_WAYS = {
    ("plan", "refuse"): _as_they_come,
    ("plan", "identical"): _without_doubles,
    ("key", "refuse"): _by_key,
    ("key", "identical"): _by_key,
}
"""``merge.order``, ``merge.duplicates`` -> how rows get into the result."""


def _finished(job: MergeJob, rows: Rows, name: str) -> dict[str, Any]:
    """Complete one file of the result, read it back, and return what there is to say of it."""
    path, tally = rows.path(name), rows.tallies[name]
    refuse_pooled(job, name, len(tally.sources))
    if job.spec.recompute is not None:
        recompute_table(job, path, name)
    with open(path, "rb") as file:
        try:
            found = sum(1 for _ in Table(file, job.spec.delimiter))
        except TableError as error:
            raise Refusal(
                f"not merged: the result does not read back as a table: {error}"
            ) from error
    if found != tally.rows:
        raise unequal("rows", tally.rows, found)
    check_result(job, path, tally.rows)
    base = os.path.basename(os.path.abspath(job.target))
    return {
        "path": f"{base}/{name}" if job.spec.group_by else name,
        "bytes": os.stat(path).st_size,
        "rows": tally.rows,
        "shards": compact_ranges(job.sources[n].facts.index for n in tally.sources),
    }


def _count(parts: list[dict[str, int]], rows: Rows, keys: UniqueKeys) -> dict[str, Any]:
    """Prove that all rows that were read are in the result, once.

    Raises:
        Refusal: some are not.
    """
    read = sum(part["rows"] for part in parts)
    written = sum(tally.rows for tally in rows.tallies.values())
    if read != written + len(keys.doubled):
        raise unequal("rows", read - len(keys.doubled), written)
    told: dict[str, Any] = {"read": read, "identical": len(keys.doubled), "written": written}
    return {"rows": told} | ({"missing_keys": keys.missing} if keys.missing else {})


def _refuse_foreign_files(target: str) -> None:
    """Let a directory be replaced only when all that lies in it came from an earlier merge."""
    if not os.path.lexists(target):
        return
    if not os.path.isdir(target):
        raise UserError(
            "merge.group_by writes a directory, but a file has that name",
            where=target,
            hint="remove it, or name another place with --out",
        )
    foreign = sorted(set(os.listdir(target)) - (listed_files(target) or set()))
    if foreign:
        raise UserError(
            f"the directory holds files that no merge wrote: {', '.join(foreign[:3])}",
            where=target,
            hint="name a new directory with --out",
        )


def _report(
    job: MergeJob, columns: Columns, rows: Rows, told: dict[str, Any], sidecar: str | None
) -> MergeReport:
    spec, count = job.spec, told["rows"]
    table = [
        ("rows", f"{count['written']:,}"),
        ("columns", str(len(columns.kept) + bool(spec.source_column))),
    ]
    warnings = list(left_out(job))
    if spec.key:
        table.append(("unique key", ", ".join(spec.key)))
    if count["identical"]:
        table.append(("left out", f"{count['identical']:,} rows that are there already"))
    if keys := told.get("missing_keys"):
        warnings.append(f"{len(keys)} of the planned keys are missing: {', '.join(keys[:5])}")
    if not spec.group_by:
        targets: tuple[str, ...] = (job.target,)
    else:
        targets = tuple(os.path.join(job.target, name) for name in rows.tallies)
        table.append(("files", f"{len(targets):,} by {', '.join(spec.group_by)}"))
    return MergeReport(
        "csv",
        targets,
        len(job.sources),
        count["written"],
        table,
        tuple(warnings),
        sidecar=sidecar,
    )
