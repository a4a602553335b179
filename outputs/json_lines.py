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
    with StagedFile(job.target) as result, UniqueKeys(job, _plain) as keys:
        parts = [_append(source, n, result, keys) for n, source in enumerate(job.sources)]
        keys.check()
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


def _plain(text: str) -> str:
    """Return a JSON text's own text, or the JSON text of what is none."""
    value = json.loads(text)
    return value if isinstance(value, str) else text


def _append(source: Source, number: int, result: StagedFile, keys: UniqueKeys) -> dict[str, int]:
    size = rows = 0
    names = keys.job.spec.key
    for at, line in enumerate(_lines(source), start=1):
        size += len(line)
        bare = line.strip()
        if not bare:
            continue
        parsed = json_document.parse(bare)
        if parsed.problem:
            raise refuse(source, f"line {at}: {parsed.problem}")
        if names:
            keys.add(_key(source, at, parsed.document, names), number, at)
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


def _key(source: Source, number: int, document: object, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of the key's fields as JSON texts."""
    values = []
    for name in names:
        value = json_document.look_up(document, name)
        if value is json_document.ABSENT:
            raise refuse(source, f"line {number} has no {name}, a field of the key")
        values.append(json.dumps(value, sort_keys=True, ensure_ascii=False))
    return tuple(values)


def _count(path: str) -> int:
    with open(path, "rb") as file:
        return sum(1 for line in file if not json_document.parse(line).problem)
