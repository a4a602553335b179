"""Text files one after the other; a missing newline between two of them is put in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from manifest.errors import Refusal
from manifest.units import format_bytes
from outputs.job import MergeReport, reading
from outputs.read_back import check_result
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from outputs.facts import Source
    from outputs.job import MergeJob

_PIECE = 1 << 20


def merge(job: MergeJob) -> MergeReport:
    """Concatenate the sources.

    Raises:
        Refusal: a source cannot be read, or the result does not pass ``merge.check``.
        UserError: the result cannot be written.
    """
    with StagedFile(job.target) as result:
        parts = [_append(source, result) for source in job.sources]
        path = result.finish()
        if os.stat(path).st_size != result.size:
            raise Refusal("not merged: the result read back is shorter than what was written")
        check_result(job, path, result.size)
        outputs = [{"path": os.path.basename(job.target), "bytes": result.size}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    lines = sum(part["rows"] for part in parts)
    return MergeReport(
        kind="text",
        targets=(job.target,),
        shards=len(job.sources),
        rows=lines,
        table=[("lines", f"{lines:,}"), ("size", format_bytes(result.size))],
        sidecar=sidecar,
    )


def _append(source: Source, result: StagedFile) -> dict[str, int]:
    """Copy one source; return its bytes and lines."""
    size = lines = 0
    last = b""
    with reading(source):
        file = open(source.path, "rb", buffering=0)  # noqa: SIM115 (closed by the next with)
    with file:
        while True:
            with reading(source):
                piece = file.read(_PIECE)
            if not piece:
                break
            result.write(piece)
            size += len(piece)
            lines += piece.count(b"\n")
            last = piece[-1:]
    if size and last != b"\n":
        result.write(b"\n")
        lines += 1
    return {"bytes": size, "rows": lines}
