"""A private HTCondor pool as those who use it see it, and the commands to bring it up and down.

    python -m tests.clusters.condor up|down [DIRECTORY]

Nothing is written outside the directory but the user `farmer` (useradd). Its path must be short
(those of sockets end at 107 bytes, unix(7)) and open to others.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clusters import farmer
from tests.clusters.condor_pool import Done, Pool
from tests.clusters.daemons import ClusterError, poll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

DEFAULT_HOME = Path("/tmp/farmhand-condor")
# JobStatus in "Job ClassAd Attributes" of HTCondor's manual
STATUS = ("", "idle", "running", "removed", "completed", "held", "transferring", "suspended")
SETTLED = {"completed", "removed", "held"}  # nothing more happens by itself


class Condor(Pool):
    """A pool, and its ordinary user who types condor_submit.

    Jobs with should_transfer_files = NO run as her, on n1 or n2; those with YES run on w1 as
    nobody, who can read no directory that is closed to others.
    """

    user = farmer.NAME

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of the user's commands: nothing of the caller's _CONDOR_*."""
        user = farmer.account()
        places = (os.path.dirname(sys.executable), str(self.home / "bin"), "/usr/bin", "/bin")
        return {
            "HOME": user.pw_dir,
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join(places),
            "CONDOR_CONFIG": str(self.conf),
        }

    def workspace(self, name: str = "run", mode: int = 0o755) -> Path:
        """A new directory of the user, for runs; with mode 0o700 closed to jobs on w1."""
        top = self.home / "work"
        top.mkdir(mode=0o755, exist_ok=True)
        shutil.chown(top, self.user, self.user)
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=top))
        path.chmod(mode)
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

    def submit(
        self, file: str | os.PathLike[str], *words: str, cwd: str | os.PathLike[str] | None = None
    ) -> int:
        """Type condor_submit as the user, beside the file; the cluster's number."""
        path = Path(file)
        where = path.parent if cwd is None else cwd
        argv = ["condor_submit", "-terse", *words, str(path.absolute())]
        return int(self.run_as_user(argv, cwd=where).stdout.partition(".")[0])

    def submit_text(self, text: str, cwd: str | os.PathLike[str]) -> int:
        """Type a submit file as the user, in a directory; the cluster's number."""
        argv = ["condor_submit", "-terse", "-"]
        return int(self.run_as_user(argv, cwd=cwd, stdin=text).stdout.partition(".")[0])

    def queue(self, jobs: Iterable[int | str], *attributes: str) -> list[dict[str, Any]]:
        """What the schedd says of jobs that it still has."""
        return self._ads(["condor_q", *map(str, jobs), "-allusers"], attributes)

    def history(self, jobs: Iterable[int | str], *attributes: str) -> list[dict[str, Any]]:
        """What is kept of jobs that have left the queue."""
        return self._ads(["condor_history", *map(str, jobs)], attributes)

    def _ads(self, words: list[str], attributes: Sequence[str]) -> list[dict[str, Any]]:
        if attributes:
            names = {"ClusterId", "ProcId", *attributes}
            words = [*words, "-attributes", ",".join(sorted(names))]
        text = self.admin(*words, "-json").stdout
        ads: list[dict[str, Any]] = json.loads(text) if text.strip() else []
        return ads

    def states(self, *jobs: int | str) -> dict[str, str]:
        """State by native id; jobs that a factory has not made yet are not among them."""
        return {native: STATUS[ad["JobStatus"]] for native, ad in self._jobs(jobs).items()}

    def _jobs(self, jobs: Iterable[int | str]) -> dict[str, dict[str, Any]]:
        names = ("JobStatus", "TotalSubmitProcs")
        # In this order: a job that leaves the queue in between is seen twice, not missed.
        queued = self.queue(jobs, *names)
        ads = [*queued, *self.history(jobs, *names)]
        return {f"{ad['ClusterId']}.{ad['ProcId']}": ad for ad in ads}

    def wait(self, jobs: Iterable[int | str], timeout: float = 120.0) -> None:
        """Wait until every job is held, or has left the queue.

        A factory has made all its jobs by then, or is stopped by those that are held.
        """
        wanted = [str(job) for job in jobs]

        def settled() -> bool:
            ads = self._jobs(wanted)
            return all(is_settled(job, ads) for job in wanted)

        self._poll(settled, f"jobs {', '.join(wanted)} to end", timeout, wanted)

    def wait_for_state(self, job: int | str, state: str, timeout: float = 60.0) -> None:
        """Wait until a job, or every one of a cluster, is in a state."""

        def there() -> bool:
            return set(self.states(job).values()) == {state}

        self._poll(there, f"job {job} to be {state}", timeout, [str(job)])

    def _poll(
        self, condition: Callable[[], object], what: str, timeout: float, jobs: Sequence[str]
    ) -> None:
        try:
            poll(condition, what, timeout)
        except ClusterError as error:
            listing = self.admin("condor_q", "-allusers", "-nobatch", check=False).stdout
            why = [ad["HoldReason"] for ad in self.queue(jobs, "HoldReason") if "HoldReason" in ad]
            raise ClusterError("\n".join([str(error), listing, *why])) from None


def is_settled(job: str, ads: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether nothing more happens to a job, or to a whole cluster, by itself."""
    mine = [ad for native, ad in ads.items() if job in {native, native.partition(".")[0]}]
    states = {STATUS[ad["JobStatus"]] for ad in mine}
    if not mine or not states <= SETTLED:
        return False
    total = 1 if "." in job else mine[0]["TotalSubmitProcs"]
    return len(mine) == total or bool(states & {"held", "removed"})


def write_helpers(condor: Condor) -> None:
    """A script `as-farmer` to type commands as the user, and one for a shell of anybody's own."""
    env = [shlex.quote(f"{name}={text}") for name, text in condor.env.items()]
    words = shlex.join(farmer.prefix())
    script = condor.home / "as-farmer"
    script.write_text(f'#!/bin/sh\nexec {words} env -i {" ".join(env)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    lines = [f"export CONDOR_CONFIG={condor.conf}", f"PATH={condor.home}/bin:$PATH"]
    (condor.home / "env.sh").write_text("\n".join(lines) + "\n", encoding="utf-8")


def up(home: Path) -> list[str]:
    """Bring up a pool to play with; says how."""
    condor = Condor(home)
    condor.up()
    write_helpers(condor)
    work = condor.workspace()
    return [
        f"HTCondor runs in {home}: n1 and n2 share this machine's files, w1 does not",
        f"  cd {work} && {home}/as-farmer condor_submit …    as the ordinary user {condor.user}",
        f"  . {home}/env.sh    then condor_q, condor_rm, condor_status …; root is administrator",
        "  make condor-down    stops it",
    ]


def down(home: Path) -> list[str]:
    stopped = Condor(home).down()
    return [f"stopped {what}" for what in stopped] or [f"nothing runs in {home}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clusters.condor")
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
