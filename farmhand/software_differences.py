"""Whether the accepted shards of a run ran with the same software, as far as they noted it."""

from __future__ import annotations

from collections.abc import Collection

from collectors.provenance import MOST, Difference, Software
from collectors.records import known_attempts, read_record
from farmhand.talk import short_path
from manifest.errors import Refusal
from manifest.layout import ranges
from manifest.rows import parse_row
from manifest.spec import Spec
from manifest.store import Manifest

_LONGEST = 60
_VALUES = 4


def software_of(manifest: Manifest, shards: Collection[int] | None = None) -> Software:
    """Return what the accepted attempts noted; ``shards`` None: of all."""
    found = Software()
    for index, data in enumerate(manifest.results):
        if b'"accepted_attempts":[]' in data or not (shards is None or index in shards):
            continue
        row = parse_row(data, manifest.path)
        for attempt in known_attempts(row, manifest.path).values():
            if attempt["attempt"] in row["accepted_attempts"]:
                found.add(manifest.run, index, attempt)
    return found


def differences(spec: Spec, manifest: Manifest, shards: Collection[int] | None = None) -> list[str]:
    """Return in words what the accepted shards differ in; nothing was asked: nothing."""
    if not spec.provenance:
        return []
    found = software_of(manifest, shards)
    read = {path: read_record(path) for path in found.witnesses()}
    told = [_in_words(one) for one in found.differences(read)] if len(found.groups) > 1 else []
    if found.groups and found.silent:
        told.append(f"nothing is known of shards {_few(found.silent)}")
    if len(found.groups) > MOST:
        told.append(f"{len(found.groups)} different environments, the {MOST} largest compared")
    return told


def refuse_or_tell(spec: Spec, manifest: Manifest) -> list[str]:
    """Return the differences as warnings of a merge, or refuse where the spec wants them refused.

    Raises:
        Refusal: says what differs, or that nothing is known.
    """
    told = differences(spec, manifest)
    if not spec.provenance.same:
        return [f"software differs: {text}" for text in told]
    silent = software_of(manifest).silent if not told else []
    if silent:
        told = [f"nothing is known of shards {_few(silent)}"]
    if told:
        raise Refusal(
            f"not merged: the shards did not run with the same software: {'; '.join(told)}",
            where=short_path(manifest.run),
            hint="farmhand show tells what each ran with; render a new run where all have the same "
            "(provenance: {same: true} in the spec asks for this)",
        )
    return []


def _in_words(one: Difference) -> str:
    parts = [
        f"{_short(value)} in {len(shards)} shard{'' if len(shards) == 1 else 's'} ({_few(shards)})"
        for value, shards in one.values[:_VALUES]
    ]
    more = len(one.values) - _VALUES
    return f"{one.what}: {', '.join(parts)}" + (f" and {more} more values" if more > 0 else "")


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _few(shards: list[int]) -> str:
    text = ranges(shards)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
