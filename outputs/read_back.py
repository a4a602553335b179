"""The last look at a result before it gets its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest.errors import Refusal
from outputs.check import check_output
from outputs.facts import ShardFacts

if TYPE_CHECKING:
    from outputs.job import MergeJob


def check_result(job: MergeJob, path: str, size: int) -> None:
    """Apply ``merge.check`` to a finished temporary result.

    Args:
        job: the merge.
        path: the temporary result.
        size: what ``shard.size`` stands for here: the elements that were merged.

    Raises:
        Refusal: with the evidence.
    """
    if job.spec.check is None:
        return
    counts = {source.facts.component: source.facts.count for source in job.sources}
    facts = ShardFacts(
        index=0,
        name="merged",
        component=None,
        start=0,
        size=size,
        seed=None,
        total=1,
        count=sum(counts.values()),
        base_seed=None,
        attempt="",
    )
    problem = check_output(path, "the merged result", job.spec.check, facts)
    if problem:
        raise Refusal(
            f"not merged: {problem}",
            where=job.target,
            hint="merge.check of the spec asks for this; the accepted outputs are unchanged",
        )


def unequal(what: str, written: int, found: int) -> Refusal:
    """Return the refusal of a result that does not read back as it was written."""
    return Refusal(
        f"not merged: {found} {what} read back from the result, {written} written",
        hint="the disk is damaged or somebody else wrote there: merge to another place with --out",
    )
