"""A farm in a temporary directory: farmhand in this process, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from farmhand import cli

FARMHAND = [sys.executable, "-m", "farmhand"]


@dataclass(frozen=True)
class Said:
    """What farmhand answered."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.err + self.out


class Farm:
    """Types commands in a directory of its own."""

    def __init__(
        self,
        path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.path = path
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, code: int | None = 0, stdin: str = "") -> Said:
        """Run farmhand in this process, as its console script would."""
        self._monkeypatch.setattr(sys, "argv", ["farmhand", *words])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as left:
            cli.main()
        streams = self._capsys.readouterr()
        said = Said(int(left.value.code or 0), streams.out, streams.err)
        return self._checked(said, words, code)

    def process(
        self, *words: str, code: int | None = 0, before: list[str] | None = None, **more: Any
    ) -> Said:
        """Run farmhand in a process of its own."""
        done = subprocess.run(
            [*(before or []), *FARMHAND, *words],
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **more,
        )
        return self._checked(Said(done.returncode, done.stdout, done.stderr), words, code)

    @staticmethod
    def ordinary() -> list[str]:
        """Words before a command that make permissions count, for root as for everybody."""
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        return drop if os.geteuid() == 0 else []

    @staticmethod
    def _checked(said: Said, words: tuple[str, ...], code: int | None) -> Said:
        assert "Traceback" not in said.text
        assert code is None or said.code == code, f"{words}: {said.code}\n{said.text}"
        return said

    def render(self, spec: dict[str, Any], *words: str, name: str = "r", code: int = 0) -> Said:
        """Render a spec given as JSON on stdin."""
        return self("render", "-", "--run-id", name, *words, code=code, stdin=json.dumps(spec))

    def run(self, name: str = "r") -> Path:
        return self.path / "runs" / name

    def job(self, *shards: int, name: str = "r", run: Path | None = None, walltime: int = 0) -> int:
        """Run shards as a nohup job would, one after the other."""
        run = run or self.run(name)
        plan = json.loads((run / "manifest.json").read_bytes())["plan_id"]
        call = ["bash", str(run / "plan" / "shard.sh"), plan, "1", "nohup", "-", "0", str(walltime)]
        done = subprocess.run(
            [*call, *map(str, shards)], capture_output=True, check=False, timeout=60
        )
        return done.returncode

    def manifest(self, name: str = "r") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run(name) / "manifest.json").read_bytes())
        return found

    def check(self, name: str = "r", code: int | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self("check", f"runs/{name}", "--json", code=code).out)
        return answer

    def attempts(self, shard: int = 0, name: str = "r") -> list[Path]:
        """The directories of a shard's attempts, oldest first."""
        lines = [
            json.loads(path.read_text().splitlines()[0])
            for path in (self.run(name) / "records" / str(shard // 1000)).glob(f"{shard}.*.jsonl")
        ]
        return [self.run(name) / line["dir"] for line in sorted(lines, key=lambda x: x["time"])]


@pytest.fixture
def farm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Farm]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    made = Farm(tmp_path, capsys, monkeypatch)
    yield made
    for path in [tmp_path, *tmp_path.rglob("*")]:  # so that pytest may clean up
        if path.is_dir() and not path.is_symlink() and not os.access(path, os.W_OK):
            path.chmod(0o755)


@pytest.fixture
def toys(farm: Farm) -> Callable[..., Farm]:
    """Render a small run whose shards write ``out.txt``; what differs is given."""

    def render(**changes: Any) -> Farm:
        spec = {
            "name": "toys",
            "work": {"count": 4, "seed": 7},
            "shards": 4,
            "command": ["bash", "-c", 'echo "unit $1" >out.txt', "toys", "{{ shard.start }}"],
            "outputs": {"o": {"path": "out.txt", "check": {"min_size": "3 B"}}},
            "merge": {"kind": "text"},
            **changes,
        }
        farm.render(spec, "--scheduler", "nohup")
        return farm

    return render
