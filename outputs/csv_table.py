"""Tables with a header line: rows keep their bytes, keys are unique, groups get a file each."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from manifest.errors import Refusal, UserError
from outputs.csv_groups import GroupedRows, OneFile
from outputs.csv_rows import Table, TableError
from outputs.job import MergeReport, reading, refuse
from outputs.keys import UniqueKeys
from outputs.read_back import check_result, unequal
from outputs.sidecar import listed_files, publish_with_sidecar
from outputs.staged import StagedDirectory, StagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outputs.facts import Source
    from outputs.job import MergeJob


@dataclass(slots=True)
class _Pool:
    """What the tables seen so far agree on."""

    job: MergeJob
    keys: UniqueKeys
    header: list[str] | None = None
    first: Source | None = None
    newline: bytes = b"\n"
    raw_header: bytes = b""
    """The header line of the result."""
    key_columns: list[int] = field(default_factory=list)
    group_columns: list[int] = field(default_factory=list)

    def agree(self, source: Source, table: Table) -> None:
        """Take the first header, and refuse any other one."""
        if self.header is None:
            self._begin(source, table)
        elif table.header != self.header:
            first = self.first.label if self.first else "the others"
            raise refuse(
                source, f"the header is {_row(table.header)}; {first} has {_row(self.header)}"
            )

    def _begin(self, source: Source, table: Table) -> None:
        spec = self.job.spec
        self.header, self.first = table.header, source
        if len(set(table.header)) < len(table.header) and (spec.key or spec.group_by):
            raise refuse(source, f"two columns have one name: {_row(table.header)}")
        if spec.source_column is not None and spec.source_column in table.header:
            raise Refusal(
                f"not merged: the tables already have a column {spec.source_column}",
                where=source.shown,
                hint="choose another merge.source_column",
            )
        for names, columns in ((spec.key, self.key_columns), (spec.group_by, self.group_columns)):
            for name in names:
                if name not in table.header:
                    raise refuse(source, f"has no column {name}; it has {_row(table.header)}")
                columns.append(table.header.index(name))
        self.newline = b"\r\n" if table.raw_header.endswith(b"\r\n") else b"\n"
        self.raw_header = self.finish_row(table.raw_header, spec.source_column)

    def finish_row(self, raw: bytes, last: str | None) -> bytes:
        """Return a row with the source column's value added and a newline at the end."""
        bare = raw.removesuffix(b"\n").removesuffix(b"\r")
        newline = raw[len(bare) :] or self.newline
        if last is None:
            return bare + newline
        return bare + self.job.spec.delimiter.encode() + _quoted(last) + newline


def merge(job: MergeJob) -> MergeReport:
    """Merge the sources into one table, or into a directory of tables with ``group_by``.

    Raises:
        Refusal: headers differ, a key is there twice, a table is damaged, names of groups clash.
        UserError: the result cannot be written.
    """
    pool = _Pool(job, UniqueKeys(job.spec.key))
    if job.spec.group_by:
        return _merge_grouped(job, pool)
    with StagedFile(job.target) as result:
        parts = [_append(source, pool, OneFile(result)) for source in job.sources]
        rows = sum(part["rows"] for part in parts)
        path = result.finish()
        _read_back(job, path, rows)
        outputs = [{"path": os.path.basename(job.target), "bytes": result.size, "rows": rows}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    return _report(job, pool, (job.target,), rows, sidecar)


def _merge_grouped(job: MergeJob, pool: _Pool) -> MergeReport:
    _refuse_foreign_files(job.target)
    suffix = job.spec.extension or ("tsv" if job.spec.delimiter == "\t" else "csv")
    with StagedDirectory(job.target) as result:
        groups = GroupedRows(result, job.spec.group_by, "." + suffix.lstrip("."))
        parts = [_append(source, pool, groups) for source in job.sources]
        groups.flush()
        folder = result.finish()
        for name, rows in groups.rows.items():
            _read_back(job, os.path.join(folder, name), rows)
        base = os.path.basename(os.path.abspath(job.target))
        outputs = [
            {
                "path": f"{base}/{name}",
                "bytes": os.stat(os.path.join(folder, name)).st_size,
                "rows": rows,
            }
            for name, rows in groups.rows.items()
        ]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    targets = tuple(os.path.join(job.target, name) for name in groups.rows)
    return _report(job, pool, targets, sum(groups.rows.values()), sidecar)


def _append(source: Source, pool: _Pool, result: OneFile | GroupedRows) -> dict[str, int]:
    """Copy one table; return its bytes and rows."""
    spec, keys, rows = pool.job.spec, pool.keys, 0
    last = source.facts.name if spec.source_column is not None else None
    plain = last is None
    with reading(source):
        file = open(source.path, "rb", buffering=1 << 16)  # noqa: SIM115 (closed by the next with)
    with file:
        table = _open_table(source, file, spec.delimiter)
        pool.agree(source, table)
        result.begin(pool.raw_header)
        for fields, raw in _rows(source, table):
            rows += 1
            if keys.names:
                keys.add(tuple([fields[column] for column in pool.key_columns]), source)
            whole = raw if plain and raw.endswith(b"\n") else pool.finish_row(raw, last)
            result.add([fields[column] for column in pool.group_columns], whole, source)
    return {"bytes": os.stat(source.path).st_size, "rows": rows}


def _open_table(source: Source, file: BinaryIO, delimiter: str) -> Table:
    with reading(source):
        try:
            return Table(file, delimiter)
        except TableError as error:
            raise refuse(source, str(error)) from error


def _rows(source: Source, table: Table) -> Iterator[tuple[list[str], bytes]]:
    rows = iter(table)
    while True:
        with reading(source):
            try:
                row = next(rows)
            except StopIteration:
                return
            except TableError as error:
                raise refuse(source, str(error)) from error
        yield row


def _read_back(job: MergeJob, path: str, rows: int) -> None:
    with open(path, "rb") as file:
        try:
            found = sum(1 for _ in Table(file, job.spec.delimiter))
        except TableError as error:
            raise Refusal(
                f"not merged: the result does not read back as a table: {error}"
            ) from error
    if found != rows:
        raise unequal("rows", rows, found)
    check_result(job, path, rows)


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
    job: MergeJob, pool: _Pool, targets: tuple[str, ...], rows: int, sidecar: str | None
) -> MergeReport:
    table = [("rows", f"{rows:,}"), ("columns", str(len(pool.header or ())))]
    if job.spec.key:
        table.append(("unique key", ", ".join(job.spec.key)))
    if job.spec.group_by:
        table.append(("files", f"{len(targets):,} by {', '.join(job.spec.group_by)}"))
    return MergeReport("csv", targets, len(job.sources), rows, table, sidecar=sidecar)


def _row(fields: list[str]) -> str:
    shown = ", ".join(field.encode("utf-8", "replace").decode() for field in fields[:8])
    return f"{shown}, …" if len(fields) > 8 else shown  # noqa: PLR2004 (as many as fit a line)


def _quoted(value: str) -> bytes:
    """Return one more field; quotes are doubled, everything that is not a plain word is quoted."""
    if value and value.replace("_", "").replace("-", "").replace(".", "").isalnum():
        return value.encode()
    return b'"' + value.replace('"', '""').encode() + b'"'
