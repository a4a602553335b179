"""Whether the merged results of a sweep agree: the same work gives the same, however it is cut."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from collectors.run_facts import read_facts
from farmhand.merge_whole import default_target
from farmhand.sweep_file import Opened
from farmhand.talk import give, say, warn
from manifest.layout import is_run
from outputs.agree import difference


@dataclass(slots=True)
class Agreement:
    """What a comparison of merged results has come to."""

    compared: list[str] = field(default_factory=list)
    """Directories of the runs that have a result; the first is what the others are held against."""
    differing: dict[str, str] = field(default_factory=dict)
    """Directory of a run -> how its result differs from the first one's."""
    why_not: str | None = None
    """Why nothing is compared."""

    def text(self) -> str:
        """Return it in a sentence."""
        if self.why_not:
            return f"merged results are not compared: {self.why_not}"
        count = len(self.compared)
        if self.differing:
            return (
                f"the merged results of {len(self.differing)} of {count} runs differ from "
                f"{os.path.basename(self.compared[0])}"
            )
        return f"the merged results of all {count} runs agree"


def agreement(opened: Opened) -> Agreement:
    """Compare the merged results that are there, the warm-up's too."""
    found = Agreement()
    if not opened.sweep.comparable:
        found.why_not = "seeds are spawned for each shard"
        return found
    ordered = sorted(opened.sweep.runs, key=lambda one: (one.repeat == 0, one.shards, one.repeat))
    targets: dict[str, tuple[str | None, str]] = {}
    for one in ordered:
        folder = opened.run(one)
        if not is_run(folder):
            continue
        facts = read_facts(folder)
        if facts.spec.merge is None:
            found.why_not = "the spec has no merge: block"
            return found
        target = default_target(facts)
        if os.path.exists(target):
            targets[folder] = (facts.spec.merge.kind, target)
    found.compared = list(targets)
    if len(targets) < 2:  # noqa: PLR2004 (a pair)
        found.why_not = f"{len(targets) or 'none'} of {len(ordered)} runs is merged"
        return found
    (_, first), *others = targets.values()
    for folder, (kind, target) in zip(found.compared[1:], others, strict=True):
        told = difference(kind, first, target)
        if told:
            found.differing[folder] = told
    return found


def tell_agreement(opened: Opened) -> bool:
    """Print what a comparison comes to; say whether nothing differs."""
    found = agreement(opened)
    if found.why_not:
        say(found.text())
        return True
    give(found.text())
    for folder, told in found.differing.items():
        warn(f"{os.path.basename(folder)}: {told}")
    return not found.differing
