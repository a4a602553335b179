"""Merging by component: RUN/merged/<component>/, each one whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.run_facts import RunFacts
from farmhand.input_changes import refuse_changed_inputs
from farmhand.merge_accepted import Accepted, harvest
from farmhand.merge_files import Sorted, refuse_idle_rules, sort_files
from farmhand.merge_processing import described, merged_names, processing, write_processing
from farmhand.merge_request import Outcome, Request
from farmhand.talk import say, short_path, some, warn
from farmhand.unchanged import refuse_changed_plan
from manifest.errors import Refusal, UserError
from manifest.locking import merge_lock
from manifest.units import format_bytes
from outputs.facts import ShardFacts, Source
from outputs.merge import merge
from outputs.staged import StagedDirectory, make_folder, writing
from outputs.tree import files_in


def merge_by_component(request: Request, names: Sequence[str]) -> Outcome:
    """Merge the components of these names.

    Raises:
        Refusal: names the components and chunks in the way.
        UserError: the results cannot be written.
    """
    facts = request.facts
    wanted = _wanted(request, names)
    if len(names) == len(facts.parts):  # a component that was not asked for may have such files
        refuse_idle_rules(request.spec, (one.files for one in wanted))
    refuse_changed_plan(facts.run)
    refuse_changed_inputs(request.manifest)
    place = request.out or os.path.join(facts.run, "merged")
    if request.dry_run:
        lines = [
            f"{one.name}: {len(one.chunks)} of {facts.parts[one.name].shards} chunks, "
            f"{len(one.files.together)} files -> {short_path(os.path.join(place, one.name))}"
            for one in wanted
        ]
        return Outcome(lines, None)
    done = _merge_all(request, wanted, place)
    return Outcome(
        [line for one in done for line in _lines(one)],
        {"components": {os.path.basename(one.folder): one.document for one in done}},
        [(os.path.basename(one.folder), one.used) for one in done],
        [text for one in done for text in one.warnings],
        all(one.passed for one in done),
        all(one.document["complete"] for one in done),
    )


def _lines(one: Merged) -> Iterator[str]:
    chunks = one.document["chunks"]
    yield f"{short_path(one.folder)}: {chunks['good']} of {chunks['expected']} chunks"
    for name, told in one.document["merged"].items():
        count = told["inputs"]
        inputs = f"{count} input{'s' * (count != 1)}"
        yield f"  {name}: {told['kind']}, {inputs}, {format_bytes(told['size'])}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A component that is to be merged."""

    name: str
    chunks: list[Accepted]
    missing: list[ShardFacts]
    files: Sorted


@dataclass(frozen=True, slots=True)
class Merged:
    """A component that was merged."""

    folder: str
    document: dict[str, Any]
    """Its processing.yaml."""
    used: list[Source]
    """The files that are in the result."""
    warnings: list[str]
    passed: bool
    """Whether every result passes its own criteria."""


def _wanted(request: Request, names: Sequence[str]) -> list[Wanted]:
    """Return what is to be merged, component by component."""
    facts, spec = request.facts, request.spec
    found = harvest(request.manifest, facts, set(names))
    chunks: dict[str | None, list[Accepted]] = {name: [] for name in names}
    missing: dict[str | None, list[ShardFacts]] = {name: [] for name in names}
    for one in found.accepted:
        chunks[one.facts.component].append(one)
    for lost in found.missing:
        missing[lost.component].append(lost)
    _refuse_incomplete(facts, missing, names, allow_partial=request.allow_partial)
    output = spec.output or next(iter(facts.spec.outputs))
    return [
        Wanted(name, chunks[name], missing[name], sort_files(facts.run, spec, output, chunks[name]))
        for name in names
        if chunks[name]
    ]


def _refuse_incomplete(
    facts: RunFacts,
    missing: dict[str | None, list[ShardFacts]],
    names: Sequence[str],
    *,
    allow_partial: bool,
) -> None:
    incomplete = {name: missing[name] for name in names if missing[name]}
    if not incomplete:
        return
    told = [
        f"{name} lacks {len(lost)} of {facts.parts[name].shards} ({some([f.name for f in lost])})"
        for name, lost in incomplete.items()
    ]
    empty = [name for name, lost in incomplete.items() if len(lost) == facts.parts[name].shards]
    if allow_partial and len(empty) < len(names):
        warn(f"merging what is there: {'; '.join(told)}")
        if empty:
            warn(f"nothing to merge of {', '.join(empty)}")
        return
    complete = [name for name in names if name not in incomplete]
    raise Refusal(
        f"not merged: {'; '.join(told)}",
        where=short_path(facts.run),
        hint="farmhand check says why; --allow-partial merges what is there"
        + (f"; complete are {', '.join(complete)} (--only NAME merges them)" if complete else ""),
    )


def _merge_all(request: Request, wanted: Sequence[Wanted], place: str) -> list[Merged]:
    """Merge components one after the other; what one refuses does not keep the others from it.

    Raises:
        Refusal: some could not be merged; the others were.
        UserError: the results cannot be written, or something needed is not installed.
    """
    done: list[Merged] = []
    refused: list[tuple[str, Refusal]] = []
    with merge_lock(request.facts.run):
        make_folder(place)
        for one in wanted:
            try:
                done.append(_merge_one(request, one, os.path.join(place, one.name)))
            except Refusal as error:
                refused.append((one.name, error))
    if len(refused) == 1 and not done:
        raise refused[0][1]
    if refused:
        for _, refusal in refused:
            say(str(refusal))
        lost = ", ".join(name for name, _ in refused)
        fine = ", ".join(os.path.basename(one.folder) for one in done)
        raise Refusal(
            f"not merged: {lost}" + (f"; merged: {fine}" if fine else ""), where=short_path(place)
        )
    return done


def _merge_one(request: Request, one: Wanted, target: str) -> Merged:
    _refuse_foreign_files(target)
    for name in one.files.uncovered:
        warn(f"{one.name}: no rule speaks of {name}, so it is not merged")
    told: dict[str, Any] = {}
    used: list[Source] = []
    warnings: list[str] = []
    passed = True
    for pattern in one.files.idle:
        warn(f"{one.name}: no file fits the rule {pattern}")
    with StagedDirectory(target) as staged, _named(one.name, staged.path, target):
        for files in one.files.together:
            result = os.path.join(staged.path, files.name)
            with writing(target):
                os.makedirs(os.path.dirname(result), exist_ok=True)
            report = merge(
                files.settings,
                files.sources,
                result,
                missing=one.missing,
                planned_total=None,
                run=request.ids,
                run_command=request.start,
                sidecar=False,
            )
            told.update(described(report, files, staged.path))
            used.extend(files.sources if report.used is None else report.used)
            warnings.extend(f"{one.name}: {files.name}: {text}" for text in report.warnings)
            passed = passed and report.passed
        good = [chunk.facts for chunk in one.chunks]
        document = processing(request.facts.parts[one.name], request.ids, good, one.missing, told)
        write_processing(staged.path, document)
        staged.finish()
        staged.publish()
    return Merged(target, document, used, warnings, passed)


@contextlib.contextmanager
def _named(component: str, staged: str, target: str) -> Iterator[None]:
    """Let what goes wrong name the component and its place, not the directory it is made in."""
    try:
        yield
    except UserError as error:
        error.what = f"{component}: {error.what}"
        error.where = short_path(error.where.replace(staged, target)) if error.where else None
        raise


def _refuse_foreign_files(target: str) -> None:
    """Let a directory be replaced only when all that lies in it came from an earlier merge."""
    if not os.path.lexists(target):
        return
    if not os.path.isdir(target):
        raise UserError(
            "a component becomes a directory, but a file has that name",
            where=target,
            hint="remove it, or name another place with --out",
        )
    foreign = sorted(set(files_in(target)) - merged_names(target))
    if foreign:
        raise UserError(
            f"the directory holds files that no merge wrote: {some(foreign)}",
            where=target,
            hint="move them, or name another place with --out",
        )
