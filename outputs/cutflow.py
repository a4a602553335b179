"""Cut flows: events added cut by cut, efficiencies worked out again. The format: cutflow_table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from manifest.errors import Refusal
from outputs.cutflow_table import Cut, CutflowError, Table, read_cutflow, write_cutflow
from outputs.job import MergeReport, added, finite, reading, refuse
from outputs.read_back import check_result
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outputs.facts import Source
    from outputs.job import MergeJob


def merge(job: MergeJob) -> MergeReport:
    """Add the cut flows.

    Raises:
        Refusal: a file cannot be read, or its cuts or headings are not those of the first.
        UserError: the result cannot be written.
    """
    flows, parts = [], []
    for source in job.sources:
        with reading(source), open(source.path, "rb") as file:
            data = file.read()
        try:
            flows.append(read_cutflow(data))
        except CutflowError as error:
            raise refuse(source, str(error)) from error
        parts.append({"bytes": len(data)})
        _agree(job.sources[0], flows[0], source, flows[-1])
    total = _added(job, flows)
    with StagedFile(job.target) as result:
        result.write(write_cutflow(total).encode())
        path = result.finish()
        _read_back(path, total)
        rows = sum(len(table.cuts) for table in total)
        check_result(job, path, rows)
        outputs = [{"path": os.path.basename(job.target), "bytes": result.size, "rows": rows}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    first, last = total[0].cuts[0], total[0].cuts[-1]
    table = [
        ("cuts", str(rows)),
        (first.name, f"{first.passed:,}"),
        (last.name, f"{last.passed:,}"),
    ]
    return MergeReport("cutflow", (job.target,), len(job.sources), rows, table, sidecar=sidecar)


def _agree(first: Source, wanted: Sequence[Table], source: Source, found: Sequence[Table]) -> None:
    """Refuse a flow whose headings and cuts are not those of the first, in the same order."""
    if len(found) != len(wanted):
        raise refuse(source, f"has {len(found)} cut flows; {first.label} has {len(wanted)}")
    for mine, theirs in zip(found, wanted, strict=True):
        if mine.heading != theirs.heading:
            raise refuse(
                source,
                f"line {mine.line}: the heading is {_named(mine)}; in {first.label} it is "
                f"{_named(theirs)}",
            )
        for cut, other in zip(mine.cuts, theirs.cuts, strict=False):
            if cut.name != other.name:
                raise refuse(
                    source,
                    f"line {cut.line}: the cut is '{cut.name}'; in {first.label} it is "
                    f"'{other.name}' (line {other.line})",
                )
        if len(mine.cuts) != len(theirs.cuts):
            raise refuse(
                source,
                f"line {mine.cuts[-1].line}: {len(mine.cuts)} cuts; {first.label} has "
                f"{len(theirs.cuts)}",
            )


def _named(table: Table) -> str:
    return f"'{'  '.join(table.heading)}'" if table.heading else "not there"


def _added(job: MergeJob, flows: Sequence[Sequence[Table]]) -> list[Table]:
    total = []
    for tables in zip(*flows, strict=True):
        cuts = []
        for same in zip(*(table.cuts for table in tables), strict=True):
            passed = added([cut.passed for cut in same])
            if not finite(passed):
                raise Refusal(
                    f"not merged: the events of '{same[0].name}' add up to more than a float holds",
                    where=job.sources[0].shown,
                )
            cuts.append(Cut(same[0].name, passed, same[0].line))
        total.append(Table(tables[0].heading, tables[0].line, cuts))
    return total


def _read_back(path: str, written: Sequence[Table]) -> None:
    with open(path, "rb") as file:
        found = read_cutflow(file.read())
    mine = [(t.heading, [(cut.name, cut.passed) for cut in t.cuts]) for t in found]
    if mine != [(t.heading, [(cut.name, cut.passed) for cut in t.cuts]) for t in written]:
        raise Refusal("not merged: the result does not read back as it was written", where=path)
