"""Inputs that changed after the render: which shards may have read other bytes."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import orjson

from collectors.records import known_attempts
from collectors.run_facts import read_facts
from manifest.errors import Refusal, UserError
from manifest.file_table import FoundFile, read_table
from manifest.layout import ranges
from manifest.rows import parse_row
from manifest.splitting import rows
from manifest.store import Manifest


def changed_inputs(run: str) -> list[dict[str, Any]]:
    """Return the fingerprints of inputs that are no longer what they were at the render.

    Each gets ``changed_at``, the time of the change in seconds (now unreadable: 0).
    """
    path = os.path.join(run, "plan", "inputs.json")
    try:
        with open(path, "rb") as stream:
            fingerprints = orjson.loads(stream.read())
        own = [
            _as_input(file, (component, number))
            for component, files in read_table(run).items()
            for number, file in enumerate(files)
        ]
        return [item for item in [*fingerprints, *own] if _differs(item)]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(
            f"the list of inputs cannot be read: {error}",
            where=path,
            hint="restore plan/ from a copy; its checksums are in plan/SHA256SUMS",
        ) from error


def _as_input(file: FoundFile, place: tuple[str | None, int]) -> dict[str, Any]:
    """Return a chunk's file as inputs.json tells of those that all shards read."""
    return {
        "place": place,
        "shown": file.path,
        "source": file.path,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "sha256": None,
    }


def _differs(item: dict[str, Any]) -> bool:
    try:
        status = os.stat(item["source"])
    except OSError:
        return False  # gone or elsewhere (a run copied home): it cannot be compared
    item["changed_at"] = status.st_mtime
    if status.st_size != item["size"]:
        return True
    if status.st_mtime_ns == item["mtime_ns"]:
        return False
    if item["sha256"] is None:
        return True
    with open(item["source"], "rb") as stream:
        return bool(hashlib.file_digest(stream, "sha256").hexdigest() != item["sha256"])


def _readers(run: str, changed: list[dict[str, Any]]) -> dict[str, set[int]]:
    """Return the shards that read each changed file of a component; what all read is left out."""
    wanted = {item["place"]: item["shown"] for item in changed if "place" in item}
    found: dict[str, set[int]] = {shown: set() for shown in wanted.values()}
    if wanted:
        for row in rows(list(read_facts(run).parts.values())):
            for number in range(row.file, row.file + row.files):
                shown = wanted.get((row.component, number))
                if shown is not None:
                    found[shown].add(row.shard)
    return found


def refuse_changed_inputs(manifest: Manifest) -> None:
    """Refuse a merge of shards that may have read different inputs.

    Shards that ended before the change read what was planned; those that ran later read something
    else, and a mixture of both is no study.

    Raises:
        Refusal: names the input and the shards that ran after it was changed.
    """
    changed = changed_inputs(manifest.run)
    if not changed:
        return
    later: dict[str, list[int]] = {item["shown"]: [] for item in changed}
    readers = _readers(manifest.run, changed)
    for data in manifest.results:
        row = parse_row(data, manifest.path)
        for attempt in known_attempts(row, manifest.path).values():
            if attempt["attempt"] in row["accepted_attempts"]:
                for item in changed:
                    mine = readers.get(item["shown"])
                    reads = mine is None or row["shard_index"] in mine
                    if reads and attempt["ended"] >= item["changed_at"]:
                        later[item["shown"]].append(row["shard_index"])
    for shown, indices in later.items():
        if indices:
            raise Refusal(
                f"not merged: the input {shown} was changed after the render, and shards "
                f"{ranges(indices)} ran after that",
                where=manifest.run,
                hint="put the input back and redo those shards, or render a new run",
            )
