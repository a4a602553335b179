"""The stand-in for LSF as tests hold it, and its fixture."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters.lsf.runner import send
from tests.clusters.lsf.spool import VARIABLE, Job, Spool, State

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(__file__).parent / "bin"
"""Its commands; a directory of PATH."""


class StandIn:
    """An LSF in a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = Spool(str(path))
        self.spool.make()

    def configure(self, **changes: Any) -> None:
        """Change how it behaves; see Settings."""
        self.spool.configure(replace(self.spool.settings(), **changes))

    def jobs(self) -> list[Job]:
        return list(self.spool.jobs())

    def states(self) -> dict[str, State]:
        """Return where every element stands, by native id."""
        return {
            job.native(index): self.spool.state(job.id, index)
            for job in self.spool.jobs()
            for index in job.indices
        }

    def mail(self) -> dict[str, str]:
        """Return the reports that no file took, by native id."""
        folder = self.path / "mail"
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}

    def wait(self, timeout_s: float = 60.0, *, until: tuple[str, ...] = ("DONE", "EXIT")) -> None:
        """Wait until every element stands so."""
        deadline = time.monotonic() + timeout_s
        while any(state.stat not in until for state in self.states().values()):
            assert time.monotonic() < deadline, self.states()
            time.sleep(0.02)

    def close(self) -> None:
        """End what still runs."""
        for path in (self.path / "runners").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.read_text(encoding="ascii")), signal.SIGKILL)
        for state in self.states().values():
            if state.stat == "RUN" and state.pid is not None:
                send(state.pid, signal.SIGKILL)


@pytest.fixture
def lsf(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StandIn]:
    """An LSF of this test's own, its commands first on PATH."""
    made = StandIn(tmp_path_factory.mktemp("lsf"))
    monkeypatch.setenv(VARIABLE, str(made.path))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    for name in [name for name in os.environ if name.startswith(("LSB_", "LSF_", "LS_", "BSUB_"))]:
        monkeypatch.delenv(name)
    yield made
    made.close()
