"""Merging a run, or files that nobody planned, into one result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from collectors.run_facts import RunFacts
from farmhand.input_changes import refuse_changed_inputs
from farmhand.merge_accepted import Accepted, harvest
from farmhand.merge_items import pooled
from farmhand.merge_request import Outcome, Request
from farmhand.talk import short_path, warn
from farmhand.unchanged import refuse_changed_plan
from manifest.checks import MergeSettings, MergeSpec
from manifest.errors import Refusal, UserError
from manifest.item_table import read_all
from manifest.layout import ranges
from outputs.command import RunCommand
from outputs.facts import UNPLANNED, ShardFacts, Source
from outputs.merge import KINDS, MergeReport, merge

_EXTENSIONS = {
    "toys": "json",
    "json-lines": "jsonl",
    "text": "txt",
    "cutflow": "txt",
    "csv": "csv",
    "root": "root",
    "command": "out",
}
"""Kind -> suffix of the result; other kinds keep the suffix of what they merge."""


def merge_whole(request: Request) -> Outcome:
    """Merge one declared output of all shards into one result.

    Raises:
        Refusal: names the shards in the way.
        UserError: the result cannot be written.
    """
    facts, settings = request.facts, request.spec.settings()
    wanted = request.spec.output or next(iter(facts.spec.outputs))
    found = harvest(request.manifest, facts)
    _refuse_missing(found.missing, request)
    refuse_changed_plan(facts.run)
    refuse_changed_inputs(request.manifest)
    if facts.spec.item_columns:
        with pooled(facts, found.accepted, wanted) as sources:
            return _merged(request, settings, sources, found.missing, wanted)
    sources = [_source(facts.run, one, wanted) for one in found.accepted]
    return _merged(request, settings, sources, found.missing, wanted)


def _merged(
    request: Request,
    settings: MergeSettings,
    sources: list[Source],
    missing: Sequence[ShardFacts],
    wanted: str,
) -> Outcome:
    facts = request.facts
    target = request.out or default_target(facts, request.spec)
    if request.dry_run:
        line = f"{len(sources)} of {facts.shards} shards -> {short_path(target)}"
        return Outcome([line], {"targets": [target], "shards": len(sources)})
    report = merge(
        settings,
        sources,
        target,
        missing=missing,
        planned_total=facts.shards,
        run=request.ids,
        run_command=request.start,
        expected=_items(request, settings, wanted),
    )
    used = list(report.used if report.used is not None else sources)
    if facts.spec.item_columns:
        used = []  # a resumed shard's tables hold rows that are not in the result
    return outcome_of(report, [("merged", used)], complete=not missing)


def _items(request: Request, settings: MergeSettings, wanted: str) -> set[str] | None:
    """Return the items that the result's key has to name, where it does."""
    column = request.facts.spec.item_columns.get(wanted)
    return read_all(request.facts.run) if column and settings.key == (column,) else None


def _source(run: str, one: Accepted, wanted: str) -> Source:
    entry = one.outputs[wanted]
    if entry.get("files") is not None:
        raise UserError(
            f"the output {wanted} is a directory, and merge.kind joins files",
            where=entry["path"],
            hint="declare the file that is to be merged as an output of its own, or merge "
            "by: component with rules:",
        )
    return Source(one.facts, os.path.join(run, entry["path"]), entry["path"])


def default_target(facts: RunFacts, spec: MergeSpec | None = None) -> str:
    """Return where the result of a run goes when nobody says otherwise.

    ``spec`` is what it is merged by, where that is not its own spec's ``merge:``.

    Raises:
        UserError: the spec does not say what to merge.
    """
    spec = spec or facts.spec.merge
    if spec is None:
        raise UserError("the spec has no merge: block", where=facts.run)
    if spec.by == "component":
        return os.path.join(facts.run, "merged")
    settings = spec.settings()
    if settings.group_by:
        return os.path.join(facts.run, "merged")
    output = facts.spec.outputs[spec.output or next(iter(facts.spec.outputs))].path
    suffix = os.path.splitext(output)[1].lstrip(".") or "out"
    extension = settings.extension or _EXTENSIONS.get(settings.kind, suffix)
    return os.path.join(facts.run, f"merged.{extension}")


def _refuse_missing(missing: Sequence[ShardFacts], request: Request) -> None:
    if not missing:
        return
    which = ranges(facts.index for facts in missing)
    shown = which if len(which) <= 60 else which[:60].rpartition(",")[0] + ",..."  # noqa: PLR2004
    shards = request.facts.shards
    if not request.allow_partial:
        raise Refusal(
            f"not merged: {len(missing)} of {shards} shards have no accepted output: {shown}",
            where=short_path(request.facts.run),
            hint="farmhand check says why; --allow-partial merges the rest and says so in it",
        )
    warn(f"merging without {len(missing)} of {shards} shards: {shown}")


def merge_files(
    inputs: Sequence[str],
    kind: str | None,
    out: str | None,
    run_command: RunCommand,
    *,
    allow_partial: bool,
) -> Outcome:
    """Merge files that were named on the command line, in their order.

    Raises:
        UserError: kind or result are not said.
        Refusal: the files do not fit together.
    """
    if kind is None or out is None:
        raise UserError("--input needs --kind and --out as well")
    if kind not in KINDS:
        raise UserError(f"there is no merge kind '{kind}'", hint=f"known are {', '.join(KINDS)}")
    if kind == "command":
        raise UserError("kind command stands in a spec, with the command")
    sources = [
        Source(
            ShardFacts(
                number, os.path.basename(name), None, UNPLANNED, 0, None, len(inputs), 0, None, ""
            ),
            os.path.abspath(name),
            name,
        )
        for number, name in enumerate(inputs)
    ]
    report = merge(
        MergeSettings.model_validate({"kind": kind}),
        sources,
        os.path.abspath(out),
        missing=(),
        planned_total=None,
        run={},
        allow_partial=allow_partial,
        run_command=run_command,
    )
    return outcome_of(report, [], complete=True)


def outcome_of(
    report: MergeReport, used: list[tuple[str, Sequence[Source]]], *, complete: bool
) -> Outcome:
    """Return what there is to say of one result."""
    width = max((len(label) for label, _ in report.table), default=0)
    lines = [f"{label + ':':<{width + 1}} {value}" for label, value in report.table]
    lines += [short_path(target) for target in report.targets]
    data: dict[str, Any] = {
        "kind": report.kind,
        "targets": report.targets,
        "shards": report.shards,
        "rows": report.rows,
        "passed": report.passed,
        "sidecar": report.sidecar,
        "table": dict(report.table),
    }
    return Outcome(lines, data, used, report.warnings, report.passed, complete)
