"""bkill."""

from __future__ import annotations

import re
import sys

from tests.clusters.lsf.spool import OPEN, Job, Spool, grumble


def bkill(words: list[str]) -> int:
    """Ask for the end of jobs, or send them a signal."""
    spool = Spool.named()
    grumble(spool.settings())
    signal, name, ids = "all", None, []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-s":
            signal = rest.pop(0).removeprefix("SIG")
        elif word == "-J":
            name = rest.pop(0)
        else:
            ids.append(word)
    worst = 0
    for word in ids or ["0"]:
        found = _chosen(spool, word, name)
        if not found:
            print(f"Job <{word}>: No matching job found", file=sys.stderr)
            worst = 255
            continue
        alive = [(job, index) for job, index in found if spool.state(job.id, index).stat in OPEN]
        if not alive:
            print(f"Job <{word}>: Job has already finished", file=sys.stderr)
            worst = 255
            continue
        for job, index in alive:
            spool.ask_to_kill(job.id, index, signal)
        print(f"Job <{word}> is being terminated")
    return worst


def _chosen(spool: Spool, word: str, name: str | None) -> list[tuple[Job, int]]:
    match = re.fullmatch(r"(\d+)(?:\[(\d+)\])?", word)
    if match is None:
        return []
    number, only = int(match[1]), match[2] and int(match[2])
    return [
        (job, index)
        for job in spool.jobs()
        for index in job.indices
        if number in (0, job.id)
        and only in (None, index)
        and (name is None or name == job.plain_name)
        and (number or spool.state(job.id, index).stat in OPEN)
    ]
