"""``farmhand merge``: one result, with a proof that nothing is missing or counted twice."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from collectors.run_facts import RunFacts, read_facts
from farmhand.choose_components import OnlyOption, SkipOption, chosen
from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.merge_block import merge_block
from farmhand.merge_clean import Clean, clean, refuse_without_answer
from farmhand.merge_components import merge_by_component
from farmhand.merge_request import Outcome, Request, start_here
from farmhand.merge_whole import merge_files, merge_whole
from farmhand.software_differences import refuse_or_tell
from farmhand.talk import give, give_json, say, short_path, warn
from manifest.checks import MergeSpec
from manifest.errors import Refusal, UserError
from manifest.store import read_manifest
from outputs.merge import KINDS


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Default: RUN/merged.<ext>; by component RUN/merged."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="FILE", help="Merge these files instead of a run's."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"With --input: {', '.join(KINDS)}.")
    ] = None,
    spec_file: Annotated[
        str | None,
        typer.Option("--spec", metavar="FILE", help="Merge as the merge: block of this spec says."),
    ] = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Merge what is there; the result says so.")
    ] = False,
    as_collected: Annotated[
        bool, typer.Option("--as-collected", help="Ignore records newer than the manifest.")
    ] = False,
    clean_up: Annotated[
        Clean | None,
        typer.Option("--clean", help="Then take what was merged out of the shards' directories."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be merged.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge the accepted outputs of all shards, with a proof of completeness.

    Refuses, naming the shards: missing, doubled, overlapping, of another plan or seed, damaged,
    or changed since they were collected. Exit code 1 then, and nothing is written.
    """
    if inputs:
        if spec_file is not None:
            raise UserError("--spec is for a run, not for files given with --input")
        if clean_up is not None:
            raise UserError("--clean is for a run's shards, not for files given with --input")
        made = merge_files(inputs, kind, out, start_here, allow_partial=allow_partial)
        _tell(made, as_json=as_json)
        return
    if clean_up is not None:
        refuse_without_answer(yes=yes, dry_run=dry_run)
    folder, path = find_run(run, manifest, out_dir, writes=True)
    now, facts = read_manifest(path), read_facts(folder)
    spec = merge_block(facts.spec, spec_file, kind)
    if not as_collected and gather(folder, path).folded.changed:
        raise Refusal(
            "there is more than the manifest knows",
            where=short_path(path),
            hint=f"farmhand collect --in-place {short_path(folder)}, or merge --as-collected",
        )
    for text in refuse_or_tell(facts.spec, now):
        warn(text)
    place = os.path.abspath(out) if out else None
    request = Request(facts, now, spec, place, allow_partial, dry_run)
    made = _merge(request, only, skip)
    if dry_run:
        for line in made.lines:
            give(line)
        say("Nothing written (--dry-run).")
        return
    _tell(made, as_json=as_json)
    if clean_up is not None:
        clean(folder, clean_up, made, yes=yes)


def merge_run(folder: str, path: str) -> Outcome:
    """Merge all of a run as it was collected, to where it goes by default.

    Raises:
        Refusal: shards are missing, or do not fit together.
        UserError: there is nothing to merge, or the result cannot be written.
    """
    facts = read_facts(folder)
    spec = merge_block(facts.spec, None, None)
    request = Request(facts, read_manifest(path), spec, None, allow_partial=False, dry_run=False)
    return _merge(request, None, None)


def _merge(request: Request, only: list[str] | None, skip: list[str] | None) -> Outcome:
    names = _components(request.facts, request.spec, only, skip)
    return merge_whole(request) if names is None else merge_by_component(request, names)


def _components(
    facts: RunFacts, spec: MergeSpec, only: list[str] | None, skip: list[str] | None
) -> list[str] | None:
    """Return the components that are merged one by one, or None: all shards together."""
    if spec.by == "component":
        return chosen(facts.spec.components, only, skip)
    if only or skip:
        raise UserError(
            "--only and --skip choose components, and this run's merge makes one result of all",
            hint="say by: component under merge: in the spec, and render a new run",
        )
    return None


def _tell(made: Outcome, *, as_json: bool) -> None:
    for text in made.warnings:
        warn(text)
    if as_json:
        give_json(made.data)
    else:
        for line in made.lines:
            give(line)
    if not made.passed:
        raise typer.Exit(1)
