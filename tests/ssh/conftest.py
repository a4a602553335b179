"""Hosts of a test, and farmhand that is led to them by a site profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.clusters.sshd import Farm

FARMHAND = [sys.executable, "-m", "farmhand"]


@dataclass
class Desk:
    """Somebody who types farmhand in a directory of the test."""

    path: Path
    farm: Farm
    site: Path

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "FARMHAND_SITE": str(self.site), "COLUMNS": "80"}

    def __call__(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*FARMHAND, *words],
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{said}"
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Type a command and do not wait for it."""
        return subprocess.Popen(
            [*FARMHAND, *words],
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def reports(self, *more: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Look at all hosts; return what each said, by name."""
        file = str(self.farm.path / "hosts.txt")
        done = self("doctor", "--hosts", file, "--json", *more, code=code)
        return {host["name"]: host for host in json.loads(done.stdout)["hosts"]}


@pytest.fixture
def desk(tmp_path: Path, sshd: Farm) -> Desk:
    return Desk(tmp_path, sshd, sshd.site())
