"""What ``show`` says about software: what the render saw, and what each attempt noted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from collectors.provenance import in_words, noted, record_of
from collectors.records import read_record
from farmhand.software_changes import planned_software
from manifest.units import format_bytes

_WIDTH = 200


def software_json(run: str, shard: int, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of the software and the inputs of a shard; nothing asked: nothing."""
    planned = planned_software(run)
    if planned is None:
        return {}
    with open(os.path.join(run, "plan", "inputs.json"), "rb") as stream:
        inputs = orjson.loads(stream.read())
    attempts = {
        one["attempt"]: noted(read_record(record_of(run, shard, one["attempt"])))
        for one in result["attempts"]
    }
    return {"software": {"render": planned, "inputs": inputs, "attempts": attempts}}


def planned_lines(run: str) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of what the render saw."""
    planned = planned_software(run) or {}
    if bundle := planned.get("bundle"):
        size = format_bytes(bundle["bytes"])
        yield "bundle", f"sha256 {bundle['sha256']} ({bundle['files']} files, {size})"
    for name, one in (planned.get("checkouts") or {}).items():
        others = f", {one['untracked']} untracked" if one.get("untracked") else ""
        yield "rendered", f"{name} at {in_words(one)}{others} ({one['path']})"
    if container := planned.get("container"):
        yield "container", f"{container['image']} ({container['digest'] or 'digest unknown'})"


def noted_lines(run: str, shard: int, attempt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of what an attempt noted, and of the files that came to it."""
    for one in attempt["staged"] or []:
        known = f", sha256 {one['sha256']}" if one.get("sha256") else ""
        yield "staged", f"{one.get('url')} ({one.get('bytes')} bytes{known})"
    if attempt["provenance"] is None:
        return
    said = noted(read_record(record_of(run, shard, attempt["attempt"]))) or {}
    for name, value in (said.get("versions") or {}).items():
        yield "version", f"{name} {_line(in_words(value))}"
    for name, value in (said.get("checkouts") or {}).items():
        yield "checkout", f"{name} at {in_words(value)}" if value else f"{name} unknown"
    if container := said.get("container"):
        yield "container", f"{container['image']} ({container['digest'] or 'digest unknown'})"
    for name, value in (said.get("environment") or {}).items():
        yield "variable", _line(f"{name}={value}")
    if withheld := said.get("withheld"):
        yield "withheld", f"{', '.join(withheld)}: these may hold secrets, so nothing is recorded"
    for what, why in (said.get("failed") or {}).items():
        yield "unknown", _line(f"{what}: {why}")


def _line(text: str) -> str:
    joined = " | ".join(text.splitlines())
    return joined if len(joined) <= _WIDTH else f"{joined[: _WIDTH - 3]}..."
