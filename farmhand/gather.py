"""Reading a run with everything new folded in: what every reading verb begins with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from collectors.at_destination import AtDestination
from collectors.destination_fold import confront
from collectors.fold import Folded, fold, stamped
from collectors.observation import Observed
from collectors.run_facts import RunFacts, read_facts
from collectors.verdicts import World
from farmhand.asking import SILENT, Asking
from farmhand.at_stores import warn_of_silence
from farmhand.observe import Answers, observe
from farmhand.observe_stores import list_stores
from farmhand.world import make_world
from manifest.header import Submission
from manifest.locking import manifest_lock
from manifest.store import Manifest, read_manifest, revision_of, write_manifest

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Gathered:
    """A run as it stands now."""

    facts: RunFacts
    folded: Folded
    stores: AtDestination | None = None
    """How it stands at its destinations; None: there are none, or nobody asked."""

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
    known: Manifest | None = None,
) -> Gathered:
    """Read ``path`` and fold new evidence in memory; nothing is written.

    ``known`` is what was gathered before: folding goes on from there, and ``path`` is not read.
    Schedulers are asked as ``asking`` says, unless they have answered already (``answers``). Stores
    are listed when all records are read: what has ended by then is in them.
    """
    manifest = read_manifest(path) if known is None else known
    if answers is None:
        answers = observe(run, manifest.header, asking)
    facts = read_facts(run)
    world = replace(make_world(run, manifest.header), observed=answers.observed)
    folded = fold(manifest, facts, world, recheck=recheck, progress=progress)
    gathered = Gathered(facts, _with_jobs(folded, answers.observed))
    return _with_stores(gathered, world) if asking.stores and facts.stored else gathered


def _with_stores(gathered: Gathered, world: World) -> Gathered:
    folded = gathered.folded
    met = confront(folded.manifest, gathered.facts, world, list_stores(gathered.facts))
    warn_of_silence(met.manifest, met.found)
    fresh = replace(folded, manifest=met.manifest, changed=folded.changed or met.changed)
    return Gathered(gathered.facts, fresh, met.found)


@contextlib.contextmanager
def gathered_under_lock(
    run: str,
    path: str,
    *,
    recheck: bool = False,
    asking: Asking = SILENT,
    answers: Answers | None = None,
    progress: Progress | None = None,
) -> Iterator[Gathered]:
    """Do the same and yield it under the run's lock, which is not held while stores are listed."""

    def look(now: Asking) -> Gathered:
        return gather(run, path, recheck=recheck, asking=now, answers=answers, progress=progress)

    if asking.stores and os.path.isdir(os.path.join(run, "plan", "stores")):
        for _ in range(_TRIES):
            gathered = look(asking)
            with manifest_lock(run):
                if revision_of(path) == gathered.manifest.header.revision:
                    yield gathered
                    return
    with manifest_lock(run):  # others keep writing it: what they heard of the stores has to do
        yield look(replace(asking, stores=False))


def gather_and_write(
    run: str,
    path: str,
    *,
    recheck: bool = False,
    asking: Asking = SILENT,
    progress: Progress | None = None,
) -> Gathered:
    """Do the same, and replace the manifest if anything is new."""
    answers = observe(run, read_manifest(path).header, asking)  # may take minutes: not locked
    with gathered_under_lock(
        run, path, recheck=recheck, asking=asking, answers=answers, progress=progress
    ) as gathered:
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
