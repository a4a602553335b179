"""``<target>.merge.json``: where each part of a merged result came from, and what it lacks."""

from __future__ import annotations

import hashlib
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from outputs.job import missing_rows
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outputs.facts import Source
    from outputs.job import MergeJob
    from outputs.staged import StagedDirectory

SCHEMA = "farmhand.merge.v1"


def sidecar_path(target: str) -> str:
    """Return the sidecar's path; a trailing slash of a directory target does not count.

    >>> sidecar_path("/r/merged.csv")
    '/r/merged.csv.merge.json'
    """
    return os.path.abspath(target) + ".merge.json"


def publish_with_sidecar(
    job: MergeJob,
    result: StagedFile | StagedDirectory,
    parts: Sequence[dict[str, int]],
    outputs: Sequence[dict[str, Any]],
    told: Mapping[str, Any] = MappingProxyType({}),
) -> str | None:
    """Publish a finished result together with its sidecar; return the sidecar's path.

    The sidecar is on the disk before the result gets its name, so a full disk changes nothing.

    Args:
        job: the merge.
        result: finished and read back.
        parts: for each source what it gave: ``bytes``, ``rows``.
        outputs: for each result file its ``path`` relative to the sidecar, and its counts.
        told: what else there is to say of the whole.

    Raises:
        UserError: one of the two cannot be written.
    """
    if not job.sidecar:
        result.publish()
        return None
    with StagedFile(sidecar_path(job.target)) as sidecar:
        summed = [output | {"sha256": _sha256(result, output["path"])} for output in outputs]
        document = _document(job, parts, summed) | dict(told)
        if os.path.isdir(result.path):
            # The list first, with the old names: killed in between, all that lies there is on it.
            there = set(os.listdir(job.target)) if os.path.isdir(job.target) else set()
            document["replaced"] = sorted(there.difference(_names(outputs)))
        sidecar.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        sidecar.finish()
        for one in (sidecar, result) if "replaced" in document else (result, sidecar):
            one.publish()
        return sidecar.target


def _names(outputs: Sequence[dict[str, Any]]) -> set[str]:
    return {os.path.basename(output["path"]) for output in outputs}


def _sha256(result: StagedFile | StagedDirectory, name: str) -> str:
    path = result.path
    if os.path.isdir(path):
        path = os.path.join(path, name.partition("/")[2])
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _document(
    job: MergeJob, parts: Sequence[dict[str, int]], outputs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    totals: dict[str, int] = {}
    for part in parts:
        for name, number in part.items():
            totals[name] = totals.get(name, 0) + number
    return {
        "schema": SCHEMA,
        "kind": job.spec.kind,
        "settings": job.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "created_at_utc": job.created_at_utc,
        "run": dict(job.run),
        "complete": not job.missing,
        "n_shards": len(job.sources),
        "counts": totals,
        "outputs": list(outputs),
        "missing": missing_rows(job.missing),
        "sources": [
            source_row(source) | part for source, part in zip(job.sources, parts, strict=True)
        ],
    }


def source_row(source: Source) -> dict[str, Any]:
    """Return the provenance of one source."""
    facts = source.facts
    return {
        "shard_index": facts.index,
        "name": facts.name,
        "component": facts.component,
        "attempt": facts.attempt,
        "path": source.shown,
    }


def listed_files(target: str) -> set[str] | None:
    """Return the names an earlier merge wrote into a directory target, None when none did."""
    try:
        with open(sidecar_path(target), "rb") as file:
            document = orjson.loads(file.read())
        return _names(document["outputs"]).union(document.get("replaced", ()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
