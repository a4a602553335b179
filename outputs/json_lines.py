"""One JSON value a line: the lines of all shards, byte for byte, each one parsed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from outputs import json_document
from outputs.job import MergeReport, reading, refuse
from outputs.keys import UniqueKeys
from outputs.read_back import check_result, unequal
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outputs.facts import Source
    from outputs.job import MergeJob


def merge(job: MergeJob) -> MergeReport:
    """Concatenate the sources; blank lines are left out.

    Raises:
        Refusal: a line is not JSON, a key is missing or not unique, a source cannot be read.
        UserError: the result cannot be written.
    """
    keys = UniqueKeys(job.spec.key)
    with StagedFile(job.target) as result:
        parts = [_append(source, result, keys) for source in job.sources]
        rows = sum(part["rows"] for part in parts)
        path = result.finish()
        found = _count(path)
        if found != rows:
            raise unequal("lines", rows, found)
        check_result(job, path, rows)
        outputs = [{"path": os.path.basename(job.target), "bytes": result.size, "rows": rows}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    table = [("lines", f"{rows:,}")]
    if job.spec.key:
        table.append(("unique key", ", ".join(job.spec.key)))
    return MergeReport("json-lines", (job.target,), len(job.sources), rows, table, sidecar=sidecar)


def _append(source: Source, result: StagedFile, keys: UniqueKeys) -> dict[str, int]:
    size = rows = 0
    for number, line in enumerate(_lines(source), start=1):
        size += len(line)
        bare = line.strip()
        if not bare:
            continue
        parsed = json_document.parse(bare)
        if parsed.problem:
            raise refuse(source, f"line {number}: {parsed.problem}")
        if keys.names:
            keys.add(_key(source, number, parsed.document, keys), source)
        result.write(line if line.endswith(b"\n") else line + b"\n")
        rows += 1
    return {"bytes": size, "rows": rows}


def _lines(source: Source) -> Iterator[bytes]:
    with reading(source):
        file = open(source.path, "rb", buffering=1 << 16)  # noqa: SIM115 (closed by the next with)
    with file:
        while True:
            with reading(source):
                line = file.readline()
            if not line:
                return
            yield line


def _key(source: Source, number: int, document: object, keys: UniqueKeys) -> tuple[str, ...]:
    """Return the values of the key's fields as JSON texts."""
    values = []
    for name in keys.names:
        value = json_document.look_up(document, name)
        if value is json_document.ABSENT:
            raise refuse(source, f"line {number} has no {name}, a field of the key")
        values.append(json.dumps(value, sort_keys=True, ensure_ascii=False))
    return tuple(values)


def _count(path: str) -> int:
    with open(path, "rb") as file:
        return sum(1 for line in file if not json_document.parse(line).problem)
