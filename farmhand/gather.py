"""Reading a run with everything new folded in: what every reading verb begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from collectors.fold import Folded, fold, stamped
from collectors.observation import Observed
from collectors.run_facts import RunFacts, read_facts
from farmhand.asking import SILENT, Asking
from farmhand.observe import Answers, observe
from farmhand.world import make_world
from manifest.header import Submission
from manifest.locking import manifest_lock
from manifest.store import Manifest, read_manifest, write_manifest


@dataclass(frozen=True, slots=True)
class Gathered:
    """A run as it stands now."""

    facts: RunFacts
    folded: Folded

    @property
    def manifest(self) -> Manifest:
        """Return the manifest with everything new in it."""
        return self.folded.manifest


Progress = Callable[[int, int], None]


def gather(
    run: str,
    path: str,
    *,
    recheck: bool = False,
    asking: Asking = SILENT,
    answers: Answers | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read ``path`` and fold new evidence in memory; nothing is written.

    Schedulers are asked as ``asking`` says, unless they have answered already (``answers``).
    """
    manifest = read_manifest(path)
    if answers is None:
        answers = observe(run, manifest.header, asking)
    facts = read_facts(run)
    world = replace(make_world(run, manifest.header), observed=answers.observed)
    folded = fold(manifest, facts, world, recheck=recheck, progress=progress)
    return Gathered(facts, _with_jobs(folded, answers.observed))


def gather_and_write(
    run: str,
    path: str,
    *,
    recheck: bool = False,
    asking: Asking = SILENT,
    progress: Progress | None = None,
) -> Gathered:
    """Do the same under the run's lock, and replace the manifest if anything is new."""
    answers = observe(run, read_manifest(path).header, asking)  # may take minutes: not locked
    with manifest_lock(run):
        gathered = gather(run, path, recheck=recheck, answers=answers, progress=progress)
        if gathered.folded.changed:
            write_to(path, gathered)
    answers.keep()
    return gathered


def write_to(path: str, gathered: Gathered) -> None:
    """Write a gathered manifest as the next revision."""
    manifest = gathered.manifest
    write_manifest(replace(manifest, path=path, header=stamped(manifest.header)))


def _with_jobs(folded: Folded, observed: tuple[Observed, ...]) -> Folded:
    """Note the ids of the jobs of each submission: by them they are asked for next time."""
    header = folded.manifest.header
    submissions = tuple(
        one.model_copy(
            update={
                "native_ids": tuple(sorted(_jobs(one, observed))),
                "mode": next((m for o in observed if (m := o.modes.get(one.id))), one.mode),
            }
        )
        for one in header.submissions
    )
    if submissions == header.submissions:
        return folded
    fresh = header.model_copy(update={"submissions": submissions})
    return replace(folded, manifest=replace(folded.manifest, header=fresh), changed=True)


def _jobs(submission: Submission, observed: tuple[Observed, ...]) -> set[str]:
    found = set(submission.native_ids)
    return found.union(*(one.jobs.get(submission.id, ()) for one in observed))
