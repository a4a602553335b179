"""A private SLURM as those who use it see it, and the commands to bring it up and take it down.

    python -m tests.clusters.slurm up|down [DIRECTORY]

Nothing is written outside the directory but the user `farmer` (useradd). Its path must be short
(those of sockets end at 107 bytes, unix(7)) and open to others, who find the munge socket there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.slurm_ids import parse_job_id
from tests.clusters import farmer
from tests.clusters.daemons import ClusterError, poll
from tests.clusters.slurm_cluster import Cluster, Done, take_down

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEFAULT_HOME = Path("/tmp/farmhand-slurm")
UNFINISHED = {"PENDING", "RUNNING", "REQUEUED", "RESIZING", "SUSPENDED", "COMPLETING"}


class Slurm(Cluster):
    """A cluster, and its ordinary user who types sbatch."""

    user = farmer.NAME

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of the user's commands."""
        return farmer.environment(self.conf)

    def workspace(self, name: str = "run") -> Path:
        """A new directory of the user, for runs: those of pytest are closed to others."""
        top = self.home / "work"
        top.mkdir(mode=0o755, exist_ok=True)
        shutil.chown(top, self.user, self.user)
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=top))
        path.chmod(0o755)
        shutil.chown(path, self.user, self.user)
        return path

    def run_as_user(
        self,
        words: Sequence[str],
        *,
        cwd: str | os.PathLike[str] = "/",
        check: bool = True,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a command as the user, in a clean environment; `env` is added to it.

        Where the user cannot reach this Python (a clone under /root), the command may also read
        what the user may not: `farmer.prefix` says how. Jobs never get that right.
        """
        done = subprocess.run(
            [*farmer.prefix(), *words],
            cwd=cwd,
            env={**self.env, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise ClusterError(f"{shlex.join(words)}: exit code {done.returncode}\n{said}")
        return done

    def sbatch(self, *words: str, cwd: str | os.PathLike[str], stdin: str | None = None) -> int:
        """Type sbatch as the user; the job's number."""
        done = self.run_as_user(["sbatch", "--parsable", *words], cwd=cwd, stdin=stdin)
        return int(done.stdout.partition(";")[0])

    def squeue(self, jobs: Iterable[int | str]) -> dict[str, str]:
        """State by native id, of every element that slurmctld still knows."""
        words = ("squeue", "-h", "-r", "-t", "all", "-o", "%i|%F|%T")
        wanted = {str(job) for job in jobs}
        rows = (line.split("|") for line in self.admin(*words).stdout.splitlines())
        return {native: state for native, job, state in rows if {native, job} & wanted}

    def sacct(
        self, jobs: Iterable[int | str], *fields: str, options: Sequence[str] = ("-X",)
    ) -> list[dict[str, str]]:
        """Rows of accounting; add "-D" to `options` for every execution, leave "-X" for steps."""
        names = fields or ("JobID", "State", "ExitCode")
        words = ["sacct", "-a", "-P", *options, "-j", ",".join(map(str, jobs)), "-o"]
        head, *lines = self.admin(*words, ",".join(names)).stdout.splitlines()
        keys = head.split("|")
        return [dict(zip(keys, line.split("|"), strict=True)) for line in lines]

    def states(self, *jobs: int | str) -> dict[str, str]:
        """State by native id, of the last execution, without who cancelled it."""
        return {
            native: row["State"].partition(" ")[0]
            for row in self.sacct(jobs)
            for native in natives(row["JobID"])
        }

    def wait(self, jobs: Iterable[int | str], timeout: float = 120.0) -> None:
        """Wait until queue and accounting both say that every element has ended.

        slurmctld tells the accounting of new jobs every five seconds. An end may arrive first: a
        row without name and directory, completed later.
        """
        wanted = {str(job) for job in jobs}

        def ended() -> bool:
            elements = self.squeue(wanted)
            if set(elements.values()) & UNFINISHED:
                return False
            rows = self.sacct(wanted, "JobID", "State", "WorkDir")
            listed = {native for row in rows for native in natives(row["JobID"])}
            # One element's row does not speak for its array: accounting hears of each by itself.
            if not elements.keys() <= listed:
                return False
            listed |= {native.partition("_")[0] for native in listed}
            done = all(row["WorkDir"] and row["State"] not in UNFINISHED for row in rows)
            return done and wanted <= listed

        try:
            poll(ended, f"jobs {', '.join(sorted(wanted))} to end", timeout)
        except ClusterError as error:
            listing = self.admin("squeue", "-r", "-o", "%i %T %r %N").stdout
            raise ClusterError(f"{error}\n{listing}{self.states(*wanted)}") from None

    def reach_time_limit(self, job: int | str) -> None:
        """Let a running job's time limit be over: within 30 s SLURM looks, and it is TIMEOUT."""
        self.admin("scontrol", "update", f"jobid={job}", "EndTime=now+1")

    def wait_for_state(self, job: int | str, state: str, timeout: float = 60.0) -> None:
        """Wait until an element, or every one of a job, is in a state in the queue."""
        what = f"job {job} to be {state}"
        poll(lambda: set(self.squeue([job]).values()) == {state}, what, timeout)


def natives(listed: str) -> Iterator[str]:
    """Native ids of a row of accounting: elements that never started share one, 123_[0-8:2]."""
    job = parse_job_id(listed)
    if job is None or job.elements is None:
        yield listed
        return
    for span in job.elements:
        yield from (f"{job.job}_{index}" for index in span)


def write_helpers(slurm: Slurm) -> None:
    """A script `as-farmer` to type commands as the user; alone it is a shell."""
    env = [shlex.quote(f"{name}={text}") for name, text in slurm.env.items()]
    words = shlex.join(farmer.prefix())
    script = slurm.home / "as-farmer"
    text = "#!/bin/sh\n[ $# -gt 0 ] || set -- bash --norc\n"
    text += f'exec {words} env -i {" ".join(env)} TERM="${{TERM:-dumb}}" "$@"\n'
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)


def up(home: Path) -> list[str]:
    """Bring up a cluster to play with; says how."""
    slurm = Slurm(home)
    slurm.up()
    write_helpers(slurm)
    work = slurm.workspace()
    memory = "killed" if slurm.enforces_memory else "NOT killed (no control groups here)"
    return [
        f"SLURM runs in {home}; a job that uses more memory than it asked for is {memory}.",
        f"  cp examples/slurm/* {work} && cd {work}    a directory of its user, {slurm.user}",
        f"  {home}/as-farmer    her shell, with farmhand, sbatch, squeue and sacct; exit leaves it",
        f"  export SLURM_CONF={slurm.conf}    then scontrol and scancel as administrator",
        "  make slurm-down    stops it",
    ]


def down(home: Path) -> list[str]:
    stopped = take_down(home)
    return [f"stopped {what}" for what in stopped] or [f"nothing runs in {home}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clusters.slurm")
    parser.add_argument("verb", choices=["up", "down"])
    parser.add_argument("home", nargs="?", type=Path, default=DEFAULT_HOME)
    given = parser.parse_args()
    home = given.home.absolute()
    try:
        said = down(home) if given.verb == "down" else up(home)
    except ClusterError as error:
        sys.exit(str(error))
    sys.stdout.write("".join(f"{line}\n" for line in said))


if __name__ == "__main__":
    main()
