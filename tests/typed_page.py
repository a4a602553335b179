"""Commands as an example's page shows them, typed in a copy of its directory."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIMEOUT_S = 600


def blocks(example: Path) -> list[list[str]]:
    """Return the commands of each console block of an example's README."""
    page = (example / "README.md").read_text(encoding="utf-8")
    return [
        [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        for block in _BLOCK.findall(page)
    ]


def typed(place: Path, *commands: str, code: int | None = 0) -> str:
    """Type commands in one shell, and return all that was printed; None: whatever the exit code."""
    done = subprocess.run(
        ["bash", "-c", "\n".join(commands)],
        cwd=place, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    assert code is None or done.returncode == code, f"$ {commands}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
