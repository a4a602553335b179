"""Scenes that take long: played once in a run of tests, whichever process comes first."""

from __future__ import annotations

import fcntl
import json
import re
from typing import TYPE_CHECKING, Any

from tests.clusters.daemons import poll
from tests.slurm.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOB_MADE = re.compile(r"Submitted batch job (\d+)")
Told = dict[str, Any]
"""What a scene has to tell, as JSON: processes of pytest-xdist share it."""


def once(home: Path, name: str, scene: Callable[[], Told]) -> Told:
    """Play a scene, or read what it told the process that was faster."""
    told = home / f"{name}.told.json"
    with open(home / f"{name}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            text = json.dumps(scene())
            told.write_text(text, encoding="utf-8")
        found: Told = json.loads(told.read_bytes())
        return found


class Field(Study):
    """A study, looked at."""

    def elements(self, script: str, which: str, *words: str) -> int:
        """Type sbatch for some elements of a script."""
        return self.slurm.sbatch(f"--array={which}", *words, script, cwd=self.path)

    def until(self, state: str, *elements: str, seconds: float = 60.0) -> None:
        """Wait until all these elements are in a state."""
        wanted = set(elements)
        jobs = {element.partition("_")[0] for element in elements}

        def there() -> bool:
            found = self.slurm.squeue(jobs)
            return {element for element in wanted if found.get(element) == state} == wanted

        poll(there, f"{', '.join(elements)} to be {state}", seconds)

    def recorded(self, *shards: int) -> None:
        """Wait until the command of each of these shards has begun."""
        names = [f"s{shard:0{len(str(self.shards - 1))}}" for shard in shards]

        def there() -> bool:
            return all(list(self.run.glob(f"shards/{name}/*/begun")) for name in names)

        poll(there, f"shards {shards} to begin", 60.0)

    @property
    def shards(self) -> int:
        return int(self.manifest()["shards"])

    def manifest(self, path: str = "runs/r/manifest.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / path).read_bytes())
        return found

    def collect(self, *words: str, env: dict[str, str] | None = None) -> str:
        """Collect in place; what was said about it."""
        return self("collect", "--in-place", "runs/r", *words, env=env).stderr

    def check(self, code: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("check", "runs/r", "--json", code=code).stdout)
        return found

    def resubmit(self, *words: str, code: int = 0) -> dict[str, str]:
        """What resubmit printed."""
        done = self("resubmit", "runs/r", *words, code=code)
        return {"stdout": done.stdout, "stderr": done.stderr}

    def typed(self, lines: list[str]) -> list[int]:
        """Type lines as they were printed; the jobs that they made."""
        jobs = []
        for line in lines:
            done = self.slurm.run_as_user(["sh", "-c", line], cwd=self.path)
            jobs += [int(job) for job in JOB_MADE.findall(done.stdout)]
        return jobs

    def said(self) -> str:
        """What SLURM and the wrapper wrote into logs/."""
        return "".join(
            path.read_text(encoding="utf-8") for path in sorted(self.run.glob("logs/**/*.out"))
        )

    def results(self, path: str = "runs/r/manifest.json") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.manifest(path)["results"]
        return found
