"""The files of a component's chunks: which belong together, and which rule says how they merge."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from farmhand.merge_accepted import Accepted
from farmhand.talk import some
from manifest.checks import MergeRule, MergeSettings, MergeSpec
from manifest.errors import Refusal, UserError
from outputs.facts import Source
from outputs.tree import files_in

PROCESSING = "processing.yaml"


@dataclass(frozen=True, slots=True)
class Together:
    """Files that become one: the same place in every chunk."""

    name: str
    """Path of the result in the component's directory."""
    settings: MergeSettings
    sources: list[Source]


@dataclass(frozen=True, slots=True)
class Sorted:
    """The files of a component."""

    together: list[Together]
    uncovered: list[str]
    """Files that no rule speaks of."""
    idle: list[str]
    """Patterns of rules that fit no file here."""
    names: list[str]
    """All files, by their paths in the result."""


def sort_files(run: str, spec: MergeSpec, output: str, chunks: Sequence[Accepted]) -> Sorted:
    """Put the files of a component's chunks together.

    Args:
        run: the run directory.
        spec: how to merge, by component.
        output: the output that ``kind`` without ``rules`` is about.
        chunks: the accepted attempts of one component.

    Raises:
        Refusal: a file that others have is missing in a chunk.
        UserError: a result with a name of our own.
    """
    if not spec.rules:
        one = _one_output(run, spec, output, chunks)
        return Sorted([one], [], [], [one.name])
    places: dict[str, list[Source]] = {}
    for chunk in chunks:
        for name, source in _files(run, chunk, _varying(chunks)):
            places.setdefault(name, []).append(source)
    rules = {name: _rule(spec.rules, name, sources[0]) for name, sources in places.items()}
    together = []
    for name in sorted(places):
        rule = rules[name]
        if rule is not None:
            if rule.kind != "copy-first":
                _refuse_missing_file(name, places[name], chunks)
            if name == PROCESSING:
                raise UserError(
                    f"an output of that name would be overwritten by farmhand's own {PROCESSING}",
                    where=places[name][0].shown,
                    hint="give the output another name",
                )
            together.append(Together(name, rule, places[name]))
    used = list(rules.values())
    idle = [rule.files for rule in spec.rules if not any(one is rule for one in used)]
    names = sorted(places)
    return Sorted(together, [name for name in names if rules[name] is None], idle, names)


def refuse_idle_rules(spec: MergeSpec, found: Iterable[Sorted]) -> None:
    """Refuse a rule that fits no file of any component: what it was meant for would be lost.

    Raises:
        Refusal: names the rule.
    """
    everywhere = list(found)
    for number, rule in enumerate(spec.rules):
        if everywhere and all(rule.files in one.idle for one in everywhere):
            names = sorted({name for one in everywhere for name in one.names})
            raise Refusal(
                f"not merged: no file fits the rule {rule.files}",
                where=f"merge.rules.{number}.files",
                hint=f"the declared outputs hold {some(names, 5) or 'nothing'}; a pattern with / "
                "is compared with the whole path, and the first rule that fits counts",
            )


def _one_output(run: str, spec: MergeSpec, output: str, chunks: Sequence[Accepted]) -> Together:
    settings = spec.settings()
    sources = []
    for chunk in chunks:
        shown = chunk.outputs[output]["path"]
        sources.append(Source(chunk.facts, os.path.join(run, shown), shown))
        if chunk.outputs[output].get("files") is not None:
            raise UserError(
                f"the output {output} is a directory, and merge.kind joins files",
                where=shown,
                hint="say under merge.rules: how its files are merged",
            )
    names = {_inside(chunk, chunk.outputs[output]["path"]) for chunk in chunks}
    name = names.pop() if len(names) == 1 else output + os.path.splitext(sources[0].path)[1]
    return Together(name, settings, sources)


def _inside(chunk: Accepted, shown: str) -> str:
    """Return a path in the run as a path in the attempt's directory."""
    return os.path.relpath(shown, chunk.folder)


def _varying(chunks: Sequence[Accepted]) -> set[str]:
    """Return the outputs that have another name in each chunk: ``out_3.root``."""
    names: dict[str, set[str]] = {}
    for chunk in chunks:
        for name, entry in chunk.outputs.items():
            names.setdefault(name, set()).add(_inside(chunk, entry["path"]))
    return {name for name, paths in names.items() if len(paths) > 1}


def _files(run: str, chunk: Accepted, varying: set[str]) -> Iterable[tuple[str, Source]]:
    """Return a chunk's files: where they belong in the result, and where they lie."""
    found: dict[str, tuple[str, Source]] = {}
    for output, entry in chunk.outputs.items():
        shown = entry["path"]
        place = _inside(chunk, shown)
        if entry.get("files") is None:
            if output in varying:
                place = output + os.path.splitext(shown)[1]
            found[shown] = (place, Source(chunk.facts, os.path.join(run, shown), shown))
            continue
        place = output if output in varying else place
        for name in files_in(os.path.join(run, shown)):
            path = os.path.join(shown, name)
            source = Source(chunk.facts, os.path.join(run, path), path)
            found.setdefault(path, (os.path.normpath(os.path.join(place, name)), source))
    return found.values()


def _rule(rules: Sequence[MergeRule], name: str, first: Source) -> MergeRule | None:
    """Return the first rule that fits a file."""
    for rule in rules:
        text = name if "/" in rule.files else os.path.basename(first.path)
        if fnmatchcase(text, rule.files):
            return rule
    return None


def _refuse_missing_file(name: str, sources: Sequence[Source], chunks: Sequence[Accepted]) -> None:
    have = {source.facts.index for source in sources}
    lacking = [chunk.facts.name for chunk in chunks if chunk.facts.index not in have]
    if lacking:
        raise Refusal(
            f"not merged: {name} is missing in {some(lacking)}; {len(have)} of {len(chunks)} "
            "chunks have it",
            where=sources[0].shown,
            hint="redo those chunks, or give the file the rule copy-first",
        )
