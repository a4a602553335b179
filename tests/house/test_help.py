"""Every verb explains itself, fits a narrow terminal, and stands in the documentation."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = [
    "init",
    "render",
    "submit",
    "doctor",
    "run",
    "collect",
    "check",
    "resubmit",
    "merge",
    "status",
    "show",
    "report",
    "sweep",
    "schema",
]
REPORTS = ["report timing"]
REPORTS += [f"sweep {verb}" for verb in ("render", "submit", "collect", "merge", "summarize")]


def help_at_80_columns(*command: str) -> str:
    result = subprocess.run(
        [*command, "--help"],
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def documentation() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_the_help_lists_exactly_the_verbs() -> None:
    listed = re.findall(r"^  ([a-z]+)  ", help_at_80_columns("farmhand"), re.MULTILINE)
    assert sorted(listed) == sorted(VERBS)


@pytest.mark.parametrize("verb", ["", *VERBS, *REPORTS])
def test_help_fits_80_columns_and_says_something(verb: str) -> None:
    text = help_at_80_columns("farmhand", *verb.split())
    too_wide = [line for line in text.splitlines() if len(line) > 80]
    assert too_wide == []
    assert "Usage: farmhand" in text
    sentences = [line for line in text.splitlines()[1:] if line.strip()]
    assert not sentences[0].lower().startswith("options"), "no sentence before the options"


@pytest.mark.parametrize("command", ["render", "collect"])
def test_the_two_everyday_commands_stand_on_their_own(command: str) -> None:
    text = help_at_80_columns(command)
    assert re.match(rf"Usage: (farmhand )?{command} ", text)


@pytest.mark.parametrize("verb", [*VERBS, *REPORTS])
def test_every_verb_is_documented(verb: str) -> None:
    assert re.search(rf"farmhand {verb}\b", documentation())
