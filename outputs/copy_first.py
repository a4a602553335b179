"""The same file from every shard (a configuration, a schema): the first is copied."""

from __future__ import annotations

import filecmp
import os
import shutil
from typing import TYPE_CHECKING

from manifest.units import format_bytes
from outputs.job import MergeReport, reading, refuse
from outputs.read_back import check_result
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from outputs.facts import Source
    from outputs.job import MergeJob


def merge(job: MergeJob) -> MergeReport:
    """Copy the first file, and compare the others with it.

    Raises:
        Refusal: a file cannot be read, or differs where ``same`` is asked for.
        UserError: the result cannot be written.
    """
    first, *others = job.sources
    differing = [source for source in others if not _same(source, first)]
    if differing and job.spec.same:
        raise refuse(differing[0], f"differs from that of {first.label}, and same: is asked for")
    with StagedFile(job.target) as result:
        with reading(first), open(first.path, "rb") as file:
            shutil.copyfileobj(file, result)
        path = result.finish()
        check_result(job, path, result.size)
        parts = [{"bytes": os.stat(source.path).st_size} for source in job.sources]
        outputs = [{"path": os.path.basename(job.target), "bytes": result.size}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    warnings = []
    if differing:
        names = ", ".join(source.facts.name for source in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004
        warnings.append(f"copied from {first.label}; different in {names}{more}")
    return MergeReport(
        "copy-first",
        (job.target,),
        len(job.sources),
        None,
        [("copied from", first.label), ("size", format_bytes(result.size))],
        tuple(warnings),
        sidecar=sidecar,
        used=tuple(source for source in job.sources if source not in differing),
    )


def _same(source: Source, first: Source) -> bool:
    with reading(source):
        return filecmp.cmp(source.path, first.path, shallow=False)
