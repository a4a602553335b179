"""``farmhand merge``: one result, with a proof that nothing is missing or counted twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from collectors.records import known_attempts
from collectors.run_facts import RunFacts, read_facts
from farmhand.gather import gather
from farmhand.input_changes import refuse_changed_inputs
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.talk import give, give_json, say, short_path, warn
from farmhand.unchanged import refuse_changed_plan
from manifest.checks import MergeSpec
from manifest.errors import Refusal, UserError
from manifest.layout import ranges
from manifest.rows import parse_row
from manifest.spec import Spec
from manifest.store import Manifest, read_manifest
from outputs.facts import UNPLANNED, ShardFacts, Source
from outputs.merge import KINDS, MergeReport, merge
from runners.command import run_command

_EXTENSIONS = {"toys": "json", "csv": "csv", "json-lines": "jsonl", "text": "txt", "command": "out"}
_TIMEOUT_S = 24 * 3600.0
Kind = Literal["toys", "csv", "json-lines", "text", "command"]


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Default: RUN/merged.<ext>")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="FILE", help="Merge these files instead of a run's."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"With --input: {', '.join(KINDS)}.")
    ] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Merge what is there; the result says so.")
    ] = False,
    as_collected: Annotated[
        bool, typer.Option("--as-collected", help="Ignore records newer than the manifest.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be merged.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge the accepted outputs of all shards, with a proof of completeness.

    Refuses, naming the shards: missing, doubled, overlapping, of another plan or seed, damaged,
    or changed since they were collected. Exit code 1 then, and nothing is written.
    """
    if inputs:
        report = _merge_files(inputs, kind, out, allow_partial=allow_partial)
        _tell(report, as_json=as_json)
        return
    folder, path = find_run(run, manifest, out_dir, writes=True)
    now = read_manifest(path)
    facts = read_facts(folder)
    spec = _merge_spec(facts.spec, kind)
    if not as_collected and gather(folder, path).folded.changed:
        raise Refusal(
            "there is more than the manifest knows",
            where=short_path(path),
            hint=f"farmhand collect --in-place {short_path(folder)}, or merge --as-collected",
        )
    target = os.path.abspath(out) if out else _default_target(folder, spec)
    sources, missing = _sources(now, facts, spec)
    _refuse_missing(missing, facts.shards, allow_partial=allow_partial, run=folder)
    refuse_changed_plan(folder)
    refuse_changed_inputs(now)
    if dry_run:
        give(f"{len(sources)} of {facts.shards} shards -> {short_path(target)}")
        say("Nothing written (--dry-run).")
        return
    report = merge(
        spec,
        sources,
        target,
        missing=missing,
        planned_total=facts.shards,
        run={"run_id": now.header.run_id, "plan_id": now.header.plan_id},
        run_command=lambda argv: _run(argv, folder),
    )
    _tell(report, as_json=as_json)


def _run(argv: list[str], folder: str) -> tuple[int, str]:
    result = run_command(argv, folder, None, _TIMEOUT_S)
    return (124, "it took longer than a day") if result.code is None else (result.code, result.tail)


def _merge_spec(spec: Spec, kind: str | None) -> MergeSpec:
    if spec.merge is None:
        raise UserError(
            "the spec has no merge: block, so farmhand cannot know what to merge",
            hint="merge files with: farmhand merge --kind KIND --input FILE --input FILE ...",
        )
    if kind is not None and kind != spec.merge.kind:
        raise UserError(f"--kind {kind} contradicts the spec's merge.kind {spec.merge.kind}")
    return spec.merge


def _default_target(folder: str, spec: MergeSpec) -> str:
    if spec.kind == "csv" and spec.group_by:
        return os.path.join(folder, "merged")
    return os.path.join(folder, f"merged.{spec.extension or _EXTENSIONS[spec.kind]}")


def _sources(
    manifest: Manifest, facts: RunFacts, spec: MergeSpec
) -> tuple[list[Source], list[ShardFacts]]:
    """Return the accepted outputs, and the shards that have none.

    Raises:
        Refusal: a file is no longer the one that was checked.
    """
    wanted = spec.output or next(iter(facts.spec.outputs))
    sources: list[Source] = []
    missing: list[ShardFacts] = []
    changed: list[int] = []
    for plan_bytes, result_bytes in zip(manifest.plans, manifest.results, strict=True):
        plan, row = parse_row(plan_bytes, manifest.path), parse_row(result_bytes, manifest.path)
        found = list(_accepted(row, manifest.path, wanted))
        if not found:
            missing.append(facts.shard(plan, ""))
        for attempt, output in found:
            path = os.path.join(facts.run, output["path"])
            if not _unchanged(path, output):
                changed.append(plan["shard_index"])
            sources.append(Source(facts.shard(plan, attempt), path, output["path"]))
    if changed:
        raise Refusal(
            f"not merged: outputs changed after they were checked: shards {ranges(changed)}",
            where=short_path(facts.run),
            hint="farmhand collect --in-place --recheck looks at them again",
        )
    return sources, missing


def _accepted(row: dict[str, Any], path: str, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
    accepted = set(row["accepted_attempts"])
    for attempt in known_attempts(row, path).values():
        if attempt["attempt"] in accepted:
            for output in attempt["outputs"] or []:
                if output["name"] == wanted:
                    yield attempt["attempt"], output


def _unchanged(path: str, output: dict[str, Any]) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    # Copying a run home changes times, so the size has to do when the time differs.
    return bool(status.st_size == output["bytes"])


def _refuse_missing(
    missing: list[ShardFacts], shards: int, *, allow_partial: bool, run: str
) -> None:
    if not missing:
        return
    which = ranges(facts.index for facts in missing)
    shown = which if len(which) <= 60 else which[:60].rpartition(",")[0] + ",..."  # noqa: PLR2004
    if not allow_partial:
        raise Refusal(
            f"not merged: {len(missing)} of {shards} shards have no accepted output: {shown}",
            where=short_path(run),
            hint="farmhand check says why; --allow-partial merges the rest and says so in it",
        )
    warn(f"merging without {len(missing)} of {shards} shards: {shown}")


def _merge_files(
    inputs: list[str], kind: str | None, out: str | None, *, allow_partial: bool
) -> MergeReport:
    if kind is None or out is None:
        raise UserError("--input needs --kind and --out as well")
    if kind not in KINDS:
        raise UserError(f"there is no merge kind '{kind}'", hint=f"known are {', '.join(KINDS)}")
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
    spec = MergeSpec.model_validate({"kind": kind})
    return merge(
        spec,
        sources,
        os.path.abspath(out),
        missing=(),
        planned_total=None,
        run={},
        allow_partial=allow_partial,
    )


def _tell(report: MergeReport, *, as_json: bool) -> None:
    for text in report.warnings:
        warn(text)
    if as_json:
        give_json(
            {
                "kind": report.kind,
                "targets": report.targets,
                "shards": report.shards,
                "rows": report.rows,
                "passed": report.passed,
                "sidecar": report.sidecar,
                "table": dict(report.table),
            }
        )
    else:
        width = max((len(label) for label, _ in report.table), default=0)
        for label, value in report.table:
            give(f"{label + ':':<{width + 1}} {value}")
        for target in report.targets:
            give(short_path(target))
    if not report.passed:
        raise typer.Exit(1)
