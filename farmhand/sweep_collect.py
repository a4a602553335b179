"""``farmhand sweep collect``: every run of a sweep into its manifest."""

from __future__ import annotations

from farmhand.sweep_file import SweepArgument, open_sweep
from farmhand.sweep_harvest import collect_run
from farmhand.talk import say


def verb(file: SweepArgument) -> None:
    """Collect every run of a sweep into its manifest, and say how each stands.

    sweep submit does so as each run ends; this is for runs that were submitted by hand. The exit
    code is 0 however they stand, as for collect.
    """
    opened = open_sweep(file)
    for _, folder, path in opened.manifests():
        collect_run(folder, path)
    say(f"Then: farmhand sweep merge {opened.shown}")
