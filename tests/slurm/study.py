"""A directory of the ordinary user, who types farmhand and sbatch in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clusters import farmer
from tests.clusters.daemons import poll
from tests.clusters.slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Done = subprocess.CompletedProcess[str]
NOTHING_LEFT = "Nothing is left to submit.\n"
JOB = re.compile(r"^(\d+)  (\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Study:
    """What a user types, and what SLURM has of it."""

    slurm: Slurm
    path: Path

    @property
    def run(self) -> Path:
        return self.path / "runs/r"

    def __call__(
        self,
        *words: str,
        code: int = 0,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Done:
        """Type a command of farmhand."""
        typed = ["farmhand", *words]
        done = self.slurm.run_as_user(typed, cwd=self.path, check=False, env=env, stdin=stdin)
        assert "Traceback" not in done.stderr
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Type a command and do not wait for it; the process is the command itself."""
        return subprocess.Popen(
            [*farmer.prefix(), *words],
            cwd=self.path,
            env={**self.slurm.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def render(self, *words: str, **changes: Any) -> list[str]:
        """Render a small run of held jobs, but for what is changed; returns the scripts."""
        spec: dict[str, Any] = {
            "name": "s",
            "work": {"count": 10},
            "shards": 10,
            "command": ["true"],
            "slurm": {"max_array_size": 4, "directives": {"hold": "true"}},
            **changes,
        }
        typed = ("render", "-", "--scheduler", "slurm", "--run-id", "r", *words)
        lines = self(*typed, stdin=json.dumps(spec)).stdout.splitlines()
        typed_next = [shlex.split(line) for line in lines]
        assert {command for command, _ in typed_next} == {"sbatch"}
        return [script for _, script in typed_next]

    def sbatch(self, script: str) -> int:
        """Submit a script by hand."""
        return self.slurm.sbatch(script, cwd=self.path)

    def submit(self, code: int = 0, env: Mapping[str, str] | None = None) -> dict[int, str]:
        """Type ``submit --execute``; returns the scripts that it says it submitted, by job."""
        done = self("submit", "runs/r", "--execute", code=code, env=env)
        found = {
            int(job): os.path.join(self.path, script) for job, script in JOB.findall(done.stdout)
        }
        assert len(found) == len(done.stdout.splitlines())
        return found

    def jobs(self, *, waiting: bool = False) -> dict[int, str]:
        """Script by job, of all that slurmctld has of this study's run, or of those that wait."""
        states = "--states=" + ("pending" if waiting else "all")
        words = ("squeue", "-h", states, "-o", "%F|%Z|%o")
        rows = (line.split("|", 2) for line in self.slurm.admin(*words).stdout.splitlines())
        return {int(job): script for job, folder, script in rows if folder == str(self.run)}

    def journal(self) -> list[tuple[str, int]]:
        """Event and part of each line of the journal."""
        text = (self.run / "submissions/journal.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines() if line]
        return [(line["event"], line["part"]) for line in lines]

    def records(self) -> dict[int, int]:
        """How many attempts each shard has made."""
        names = [path.name for path in self.run.glob("records/*/*.jsonl")]
        shards = [int(name.partition(".")[0]) for name in names]
        return {shard: shards.count(shard) for shard in shards}

    def release(self, shards: int) -> None:
        """Let held jobs run, to the end of so many shards (in all)."""
        jobs = list(map(str, self.jobs(waiting=True)))
        self.slurm.admin("scontrol", "release", ",".join(jobs))
        self.finish(shards)

    def finish(self, attempts: int) -> None:
        """Wait until so many attempts have come to their end."""

        def ended() -> bool:
            paths = list(self.run.glob("records/*/*.jsonl"))
            texts = [path.read_text(encoding="utf-8") for path in paths]
            return len([text for text in texts if '"event":"end"' in text]) == attempts

        poll(ended, f"{attempts} attempts to end", 60)

    def cancel(self) -> None:
        jobs = list(map(str, self.jobs()))
        if jobs:
            self.slurm.admin("scancel", *jobs)


def stand_in(study: Study, **scripts: str) -> dict[str, str]:
    """Put scripts first on PATH, under the names of commands; returns the environment."""
    folder = study.path / "bin"
    folder.mkdir(exist_ok=True)
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{study.slurm.env['PATH']}"}


def shown(slurm: Slurm, job: int | str, *fields: str) -> list[str]:
    """What squeue shows of a job."""
    asked = ",".join(f"{field}:\x1f" for field in fields)
    found = slurm.admin("squeue", "-h", f"--jobs={job}", "-O", asked).stdout.split("\x1f")
    assert found.pop() == "\n"
    return found
