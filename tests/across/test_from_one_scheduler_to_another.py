"""A run begun on one scheduler and finished on others: one manifest, one complete merge."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING, Any

from tests.clusters.daemons import poll

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clusters.condor import Condor
    from tests.clusters.slurm import Slurm

SHARDS = 8
# In each round half of what is left succeeds: 0-3 first, then 4-6, and 7 last.
SCRIPT = """
case $FARMHAND_SHARD_INDEX in
  [0-3]) needs=1 ;;
  7) needs=3 ;;
  *) needs=2 ;;
esac
[ "$FARMHAND_SUBMISSION" -ge "$needs" ] || exit 3
printf 'shard,round\\n%s,%s\\n' "$FARMHAND_SHARD_INDEX" "$FARMHAND_SUBMISSION" >t.csv
"""
SPEC: dict[str, Any] = {
    "name": "r",
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "script": SCRIPT,
    "outputs": {"t": {"path": "t.csv", "check": {"csv": {"rows": "1"}}}},
    "merge": {"kind": "csv", "key": ["shard"]},
}


class User:
    """The ordinary user, with both schedulers at hand."""

    def __init__(self, condor: Condor, slurm: Slurm) -> None:
        self.condor, self.slurm = condor, slurm
        self.path: Path = condor.workspace("across")
        self.env = {"SLURM_CONF": str(slurm.conf)}

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> str:
        typed = ["farmhand", *words]
        done = self.condor.run_as_user(typed, cwd=self.path, check=False, env=self.env, stdin=stdin)
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def type(self, *words: str) -> str:
        return self.condor.run_as_user(words, cwd=self.path, env=self.env).stdout

    def ended(self, attempts: int) -> None:
        """Wait until so many attempts have written their end."""
        records = self.path / "runs/r/records/0"

        def there() -> bool:
            texts = [path.read_text(encoding="utf-8") for path in records.glob("*.jsonl")]
            return sum('"event":"end"' in text for text in texts) == attempts

        poll(there, f"{attempts} attempts to end", 60)

    def states(self, code: int) -> dict[str, int]:
        self("collect", "--in-place", "runs/r")
        found: dict[str, int] = json.loads(self("check", "runs/r", "--json", code=code))["states"]
        return found

    def result(self, shard: int) -> dict[str, Any]:
        manifest = json.loads((self.path / "runs/r/manifest.json").read_bytes())
        found: dict[str, Any] = manifest["results"][shard]
        return found


def merged(user: User) -> list[tuple[int, int]]:
    user("merge", "runs/r")
    with open(user.path / "runs/r/merged.csv", encoding="utf-8") as stream:
        return sorted((int(r["shard"]), int(r["round"])) for r in csv.DictReader(stream))


def test_from_slurm_by_htcondor_to_this_machine(slurm: Slurm, condor: Condor) -> None:
    user = User(condor, slurm)
    render = ("render", "-", "--scheduler", "slurm", "--run-id", "r")
    line = user(*render, stdin=json.dumps(SPEC))
    user.type(*line.split())
    user.ended(SHARDS)
    assert user.states(1) == {"succeeded": 4, "failed": 4}

    line = user("resubmit", "--scheduler", "htcondor", "runs/r")
    assert line == f"condor_submit {user.path}/runs/r/resubmit-2/condor_job.sub\n"
    user.type(*line.split())
    user.ended(SHARDS + 4)
    assert user.states(1) == {"succeeded": 7, "failed": 1}

    user("merge", "runs/r", code=1)
    assert not os.path.exists(user.path / "runs/r/merged.csv")
    user("resubmit", "--scheduler", "local", "--cause", "exit_code", "--execute", "runs/r")
    assert user.states(0) == {"succeeded": SHARDS}
    attempts = user.result(7)["attempts"]
    assert [attempt["scheduler"] for attempt in attempts] == ["slurm", "htcondor", "local"]
    assert [attempt["submission"] for attempt in attempts] == [1, 2, 3]
    assert merged(user) == [(s, 1 if s < 4 else 3 if s == 7 else 2) for s in range(SHARDS)]


def test_from_htcondor_to_slurm(slurm: Slurm, condor: Condor) -> None:
    user = User(condor, slurm)
    render = ("render", "-", "--scheduler", "htcondor", "--mode", "transfer", "--run-id", "r")
    user(*render, stdin=json.dumps(SPEC))
    user("submit", "--execute", "runs/r")
    user.ended(SHARDS)
    assert user.states(1) == {"succeeded": 4, "failed": 4}
    user("resubmit", "--scheduler", "slurm", "--execute", "runs/r")
    user.ended(SHARDS + 4)
    assert user.states(1) == {"succeeded": 7, "failed": 1}
    user("resubmit", "--cause", "exit_code", "--execute", "runs/r")  # where it was last
    user.ended(SHARDS + 5)
    assert user.states(0) == {"succeeded": SHARDS}
    schedulers = [attempt["scheduler"] for attempt in user.result(7)["attempts"]]
    assert schedulers == ["htcondor", "slurm", "slurm"]
    assert len(merged(user)) == SHARDS
