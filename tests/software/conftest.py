"""Runs on the local pool whose software is a directory, a git repository, or both."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Desk:
    """A directory with a spec, its software in ``code``, and a directory of the node, ``node``."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("code", "node"):
            (self.path / name).mkdir()
        self.write("job.sh", 'echo "one $1"\n')

    def write(self, name: str, text: str) -> Path:
        path = self.path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def git(self, *words: str) -> str:
        as_me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        done = subprocess.run(
            ["git", *as_me, *words], cwd=self.path / "code", capture_output=True, text=True,
            timeout=60, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, branch: str = "main") -> str:
        """Make ``code`` a repository with all that is in it; return the commit."""
        self.git("init", "-q", "-b", branch)
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        return self.git("rev-parse", "HEAD")

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["farmhand", *words], cwd=self.path, input=stdin or "", capture_output=True,
            text=True, timeout=120, check=False, env={**os.environ, **self.env},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def render(self, code: int = 0, **more: Any) -> str:
        spec = {
            "name": "r",
            "work": {"count": 2},
            "shards": 2,
            "command": ["bash", "{{ bundle.dir }}/job.sh", "{{ shard.index }}"],
            "bundle": {"directory": "code"},
        } | more
        spec = {key: value for key, value in spec.items() if value is not None}
        words = ("render", "-", "--scheduler", "local", "--run-id", "r")
        return self(*words, stdin=json.dumps(spec), code=code)

    def run(self, *words: str, code: int = 0) -> str:
        return self("run", "runs/r", *words, code=code)

    def results(self) -> list[dict[str, Any]]:
        self("collect", "--in-place", "runs/r")
        found: list[dict[str, Any]] = json.loads((self.path / "runs/r/manifest.json").read_bytes())[
            "results"
        ]
        return found

    def stdouts(self) -> list[str]:
        return [p.read_text() for p in sorted(self.path.glob("runs/r/shards/*/*/stdout"))]

    def noted(self) -> list[dict[str, Any]]:
        """What each record says of software, by shard."""
        found = []
        for path in sorted((self.path / "runs/r/records/0").iterdir()):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found += [line for line in lines if line["event"] == "provenance"]
        return found

    @property
    def tarball(self) -> Path:
        (found,) = (self.path / "runs/r/plan/bundle").glob("*.tar.gz")
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
