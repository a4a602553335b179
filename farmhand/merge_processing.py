"""``processing.yaml``: what a merged component is made of, and what it lacks."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from farmhand.merge_files import PROCESSING, Together
from manifest.splitting import Part
from outputs.facts import ShardFacts
from outputs.job import MergeReport
from outputs.staged import StagedFile


def described(report: MergeReport, together: Together, folder: str) -> dict[str, dict[str, Any]]:
    """Return what is kept of each merged file; ``folder`` is where the component is put together.

    A table with ``group_by`` becomes several files.
    """
    told: dict[str, dict[str, Any]] = {}
    for target in report.targets:
        with open(target, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        told[os.path.relpath(target, folder)] = {
            "kind": report.kind,
            "inputs": len(together.sources),
            "size": os.stat(target).st_size,
            "sha256": digest,
            **({} if report.rows is None else {"rows": report.rows}),
            **report.counts,
        }
    return told


def processing(
    part: Part,
    run: Mapping[str, str],
    good: Sequence[ShardFacts],
    missing: Sequence[ShardFacts],
    merged: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the document of a component."""
    return {
        "component": part.name,
        **run,
        "merged_at_utc": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "complete": not missing,
        "chunks": {
            "good": len(good),
            "expected": part.shards,
            "missing": [facts.name for facts in missing],
        },
        **_amounts(part, {facts.index for facts in good}),
        "merged": {name: dict(told) for name, told in merged.items()},
        "sources": {facts.name: facts.attempt for facts in good},
    }


def _amounts(part: Part, good: set[int]) -> dict[str, dict[str, int]]:
    """Return the files and events that were asked for and are there, as far as they are known."""
    pieces = list(enumerate(part.cuts(), start=part.first))
    there = [cut for index, cut in pieces if index in good]
    if part.found is None:
        return {"events": {"good": sum(cut.size for cut in there), "expected": part.count}}
    lost = {n for i, cut in pieces if i not in good for n in range(cut.file, cut.file + cut.files)}
    files = len(part.found.paths)
    told = {"files": {"good": files - len(lost), "expected": files}}
    if part.work.per_range:
        told["events"] = {"good": sum(cut.size for cut in there), "expected": part.count}
    elif part.found.events is not None:
        events = part.found.events
        left = sum(count for number, count in enumerate(events) if number not in lost)
        told["events"] = {"good": left, "expected": sum(events)}
    return told


def write_processing(folder: str, document: Mapping[str, Any]) -> None:
    """Write the document into a component's directory."""
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    with StagedFile(os.path.join(folder, PROCESSING)) as file:
        file.write(text.encode())
        file.publish()


def merged_names(folder: str) -> set[str]:
    """Return the files that an earlier merge wrote into a component's directory."""
    try:
        with open(os.path.join(folder, PROCESSING), "rb") as file:
            return {PROCESSING, *yaml.safe_load(file)["merged"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return set()
