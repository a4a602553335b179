"""lsid, bparams and bqueues."""

from __future__ import annotations

import sys

from tests.clusters.lsf.spool import Spool, grumble


def lsid(words: list[str]) -> int:
    """Say which LSF this is."""
    settings = Spool.named().settings()
    grumble(settings)
    print("Stand-in for LSF 10.1.0.0, of the tests\n")
    print(f"My cluster name is {settings.cluster}")
    print(f"My master name is {settings.host}")
    return 0


def bparams(words: list[str]) -> int:
    """Show parameters; all of them with -a."""
    settings = Spool.named().settings()
    grumble(settings)
    if "-a" not in words:
        print(f"Default Queues:  {next(iter(settings.queues))}")
        return 0
    print("lsb.params configuration at Wed Nov 25 07:18:29 2026\n")
    print(f"        DEFAULT_QUEUE = {next(iter(settings.queues))}")
    print(f"        MAX_JOB_ARRAY_SIZE = {settings.largest_array}")
    print(f"        RESOURCE_RESERVE_PER_TASK = {'Y' if settings.by_slot else 'N'}")
    print(f"        CLEAN_PERIOD = {settings.clean_period_s:g}")
    return 0


def bqueues(words: list[str]) -> int:
    """List queues."""
    spool = Spool.named()
    settings = spool.settings()
    grumble(settings)
    named = [word for word in words if not word.startswith("-")]
    unknown = [name for name in named if name not in settings.queues]
    for name in unknown:
        print(f"{name}: No such queue", file=sys.stderr)
    shown = [name for name in settings.queues if name in named or not named]
    if shown:
        print("QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP ")
    for name in shown:
        print(f"{name:<15}  30  Open:Active       -    -    -    -     0     0     0     0")
    return 255 if unknown else 0
