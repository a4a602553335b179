"""A farm in a temporary directory, driven by the commands that users type."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Farm:
    """Runs ``farmhand`` in a directory of its own."""

    path: Path

    def __call__(
        self, *words: str, code: int = 0, stdin: str | None = None, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["farmhand", *words],
            cwd=self.path,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **more,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def run(self, name: str) -> Path:
        return self.path / "runs" / name

    def manifest(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run(name) / "manifest.json").read_bytes())
        return found

    def check(self, name: str, code: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self("check", f"runs/{name}", "--json", code=code).stdout
        )
        return answer


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)
