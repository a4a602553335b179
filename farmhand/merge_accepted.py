"""What there is to merge: the accepted outputs of a run, as they were when they were checked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectors.by_item import ended_well
from collectors.records import known_attempts
from collectors.run_facts import RunFacts
from farmhand.talk import short_path, some
from manifest.errors import Refusal
from manifest.layout import ranges
from manifest.rows import parse_row
from manifest.store import Manifest
from outputs.cleaned import Cleaned, read_cleaned
from outputs.facts import ShardFacts
from outputs.tree import measure


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted attempt and its declared outputs."""

    facts: ShardFacts
    folder: str
    """The attempt's directory, relative to the run."""
    outputs: dict[str, dict[str, Any]]
    """Name of an output -> its entry in the manifest."""
    whole: bool = True
    """Whether it ended well, and not only some of its items."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What lies ready, and what does not."""

    accepted: list[Accepted]
    missing: list[ShardFacts]
    """Shards without an accepted attempt."""


def harvest(
    manifest: Manifest, facts: RunFacts, components: Collection[str | None] | None = None
) -> Harvest:
    """Return the accepted attempts of these components (None: of all), in the order of shards.

    Raises:
        Refusal: an output is no longer what was checked, or was taken away after a merge.
    """
    found = Harvest([], [])
    faults = _Faults(facts.run, read_cleaned(facts.run))
    for plan_bytes, result_bytes in zip(manifest.plans, manifest.results, strict=True):
        plan = parse_row(plan_bytes, manifest.path)
        if components is not None and plan["component"] not in components:
            continue
        row = parse_row(result_bytes, manifest.path)
        mine = list(_attempts(row, manifest.path, facts, plan))
        if not mine:
            found.missing.append(facts.shard(plan, ""))
        for one in mine:
            found.accepted.append(one)
            faults.look_at(one)
    faults.refuse()
    return found


@dataclass(slots=True)
class _Faults:
    """Accepted outputs that are no longer there as they were."""

    run: str
    cleaned: Cleaned
    changed: list[int] = field(default_factory=list)
    taken: dict[int, list[ShardFacts]] = field(default_factory=dict)
    """Number of a cleaning -> the shards whose outputs it took away."""
    elsewhere: list[str] = field(default_factory=list)
    """Where outputs are that are kept at their destination only."""

    def look_at(self, one: Accepted) -> None:
        paths = [os.path.join(self.run, entry["path"]) for entry in one.outputs.values()]
        gone = [path for path in paths if self.cleaned.took(path)]
        away = [e["url"] for e in one.outputs.values() if _only_elsewhere(self.run, e)]
        if away:
            self.elsewhere.append(away[0])
        elif gone:
            self.taken.setdefault(_number(self.cleaned, gone[0]), []).append(one.facts)
        elif not all(map(_unchanged, paths, one.outputs.values())):
            self.changed.append(one.facts.index)

    def refuse(self) -> None:
        """Raise the refusal of what was found, if anything was."""
        where = short_path(self.run)
        if self.elsewhere:
            raise Refusal(
                f"not merged: outputs of {len(self.elsewhere)} shards are kept elsewhere, such as "
                f"{self.elsewhere[0]}",
                where=where,
                hint="copy them from there and merge the files: farmhand merge --kind KIND "
                "--input FILE ...; staging: {keep: true} leaves a copy in the run next time",
            )
        if self.taken:
            raise _refused_as_cleaned(self.run, self.cleaned, self.taken)
        if self.changed:
            raise Refusal(
                "not merged: outputs changed after they were checked: shards "
                f"{ranges(self.changed)}",
                where=where,
                hint="farmhand collect --in-place --recheck looks at them again",
            )


def _attempts(
    row: dict[str, Any], path: str, facts: RunFacts, plan: dict[str, Any]
) -> Iterator[Accepted]:
    accepted = set(row["accepted_attempts"])
    for attempt in known_attempts(row, path).values():
        if attempt["attempt"] in accepted:
            outputs = {
                output["name"]: output for output in attempt["outputs"] or [] if output["path"]
            }
            whole = ended_well(attempt)
            yield Accepted(facts.shard(plan, attempt["attempt"]), attempt["dir"], outputs, whole)


def _only_elsewhere(run: str, entry: dict[str, Any]) -> bool:
    return "url" in entry and not os.path.lexists(os.path.join(run, entry["path"]))


def _unchanged(path: str, output: dict[str, Any]) -> bool:
    try:
        found = measure(path)
    except OSError:
        return False
    # Copying a run home changes times, so sizes have to do.
    return found.bytes == output["bytes"] and found.files == output.get("files")


def _number(cleaned: Cleaned, path: str) -> int:
    """Return which cleaning took an output away."""
    names = [path] if cleaned.file(path) else list(cleaned.below(path))
    gone = next(name for name in names if not os.path.exists(name))
    return cleaned.entries.index(cleaned.cleaning_of(gone) or {})


def _refused_as_cleaned(run: str, cleaned: Cleaned, taken: dict[int, list[ShardFacts]]) -> Refusal:
    entries = [cleaned.entries[number] for number in sorted(taken)]
    when = some([entry["at_utc"] for entry in entries], 1)
    shards = [facts for every in taken.values() for facts in every]
    names = list(dict.fromkeys(facts.component for facts in shards if facts.component))
    what = f"components {', '.join(names)}" if names else f"shards {_indices(shards)}"
    archives = [entry["archive"] for entry in entries if entry["archive"]]
    back = "their merged result is all there is; "
    if archives:
        unpack = "; ".join(f"tar -xf {name}" for name in archives)
        back = f"cd {short_path(run)}; {unpack}: puts them back; "
    rest = "--skip NAME merges the others" if names else "a new render makes them again"
    return Refusal(
        f"not merged: outputs of {what} were taken away after they were merged (--clean, {when})",
        where=short_path(run),
        hint=back + rest,
    )


def _indices(shards: Sequence[ShardFacts]) -> str:
    return ranges(facts.index for facts in shards)
