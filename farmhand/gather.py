"""Reading a run with everything new folded in: what every reading verb begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from collectors.fold import Folded, fold, stamped
from collectors.run_facts import RunFacts, read_facts
from farmhand.world import make_world
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
    run: str, path: str, *, recheck: bool = False, progress: Progress | None = None
) -> Gathered:
    """Read ``path`` and fold new evidence in memory; nothing is written."""
    manifest = read_manifest(path)
    facts = read_facts(run)
    world = make_world(run, manifest.header)
    return Gathered(facts, fold(manifest, facts, world, recheck=recheck, progress=progress))


def gather_and_write(
    run: str, path: str, *, recheck: bool = False, progress: Progress | None = None
) -> Gathered:
    """Do the same under the run's lock, and replace the manifest if anything is new."""
    with manifest_lock(run):
        gathered = gather(run, path, recheck=recheck, progress=progress)
        if gathered.folded.changed:
            write_to(path, gathered)
    return gathered


def write_to(path: str, gathered: Gathered) -> None:
    """Write a gathered manifest as the next revision."""
    manifest = gathered.manifest
    write_manifest(replace(manifest, path=path, header=stamped(manifest.header)))
