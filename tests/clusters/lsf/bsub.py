"""bsub."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
import time

from tests.clusters.lsf import runner
from tests.clusters.lsf.script import BadOptionError, embedded, options
from tests.clusters.lsf.spool import Job, Settings, Spool, grumble

_NOT_COPIED = ("LSB_HOSTS", "LSB_JOBFILENAME", "LS_JOBPID")
_ARRAY = re.compile(r"([^\[\]%]*)\[([^\]]*)\](?:%(\d+))?")


class Refused(Exception):  # noqa: N818 (as bsub says)
    """The job is not taken."""


def bsub(words: list[str]) -> int:
    """Take a job."""
    spool = Spool.named()
    settings = spool.settings()
    grumble(settings)
    try:
        job = _job(words, spool, settings)
    except (BadOptionError, Refused) as error:
        print(f"{error}. Job not submitted.", file=sys.stderr)
        return 255
    spool.add(job)
    runner_process = subprocess.Popen(
        [sys.executable, "-c", runner.START, os.path.abspath(spool.path), str(job.id)],
        cwd=spool.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=open(spool.join("lsbatch", f"{job.id}.err"), "wb"),  # noqa: SIM115 (the child's)
        start_new_session=True,
    )
    with open(spool.join("runners", str(job.id)), "w", encoding="ascii") as stream:
        stream.write(str(runner_process.pid))
    default = "" if "q" in job.options else "default "
    if "BSUB_QUIET" not in os.environ:
        print(f"Job <{job.id}> is submitted to {default}queue <{job.queue}>.")
    return 0


def _job(words: list[str], spool: Spool, settings: Settings) -> Job:
    chosen, command = options(words)
    if command:
        script = " ".join(command) + "\n"
        text = script
    else:
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        script = text
        chosen = options(embedded(text))[0] | chosen  # the command line wins
    if not text.strip():
        raise Refused("No command is specified")
    name = chosen.get("J", script.strip().splitlines()[-1])
    if settings.refuse and re.search(settings.refuse, name):
        raise Refused("Request aborted by esub")
    if "CHK" in os.environ.get("BSUB_CHK_RESREQ", ""):
        raise Refused("Resource requirements are checked only")
    queue = _queue(chosen, settings)
    indices, limit = _elements(chosen.get("J", ""), settings)
    number = spool.next_id()
    now = time.time()
    shell = spool.join("lsbatch", f"{int(now)}.{number}.shell")
    with open(shell, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    os.chmod(shell, 0o744)
    env = {name: value for name, value in os.environ.items() if name not in _NOT_COPIED}
    return Job(
        id=number,
        name=name,
        indices=indices,
        limit=limit,
        options=chosen,
        script=script,
        shell=shell,
        queue=queue,
        user=getpass.getuser(),
        cwd=os.getcwd(),
        env=env,
        submitted=now,
    )


def _queue(chosen: dict[str, str], settings: Settings) -> str:
    queue = chosen.get("q", next(iter(settings.queues))).split()[0]
    if queue not in settings.queues:
        raise Refused(f"{queue}: No such queue")
    most = settings.queues[queue]
    asked = [minutes(chosen[name]) for name in ("W", "wt") if name in chosen]
    if "W" in chosen and most is not None and asked[0] > most:
        raise Refused("RUNLIMIT: Cannot exceed queue's hard limit(s)")
    return queue


def minutes(text: str) -> int:
    """Return minutes for ``[hours:]minutes``."""
    if not re.fullmatch(r"(\d+:)?\d+", text):
        raise Refused(f"{text}: Bad time specification")
    hours, _, rest = text.rpartition(":")
    return int(hours or 0) * 60 + int(rest)


def _elements(name: str, settings: Settings) -> tuple[list[int], int]:
    """Return the indices of an array and how many may run at a time; [0] when it is none."""
    if "[" not in name:
        return [0], 1
    problem = ""
    match = _ARRAY.fullmatch(name)
    indices: set[int] = set()
    if match is None or len(name) > 255:
        problem = "Bad job array name"
    else:
        for part in match[2].split(","):
            span = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)
            if span is None or int(span[1]) == 0:
                problem = "Bad job array index list"
                break
            indices.update(range(int(span[1]), int(span[2] or span[1]) + 1, int(span[3] or 1)))
    if not problem and (not indices or max(indices) > settings.largest_array):
        problem = "Job array index too large"
    if match is None or problem:
        if settings.plain_on_bad_array:
            return [0], 1
        raise Refused(problem)
    return sorted(indices), int(match[3] or len(indices))
