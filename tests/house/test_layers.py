"""Imports point one way, and the guard that says so would notice one that does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
    PROJECT = tomllib.load(file)
ROOMS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def lint_imports(directory: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["lint-imports", "--no-cache"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": directory},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_imports_point_one_way() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_room_is_packaged_and_guarded() -> None:
    found = {name for name in os.listdir(ROOT) if os.path.isfile(f"{ROOT}/{name}/__init__.py")}
    assert found - {"tests", "benchmarks"} == set(ROOMS)
    guard = PROJECT["tool"]["importlinter"]
    assert set(guard["root_packages"]) == set(ROOMS)
    layers = guard["contracts"][0]["layers"]
    assert {room.strip() for layer in layers for room in layer.split("|")} == set(ROOMS)
    assert set(PROJECT["tool"]["mypy"]["packages"]) == set(ROOMS)


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("manifest", "import farmhand"),
        ("renderer", "import collectors"),
        ("runners", "import reports"),
    ],
)
def test_an_import_the_wrong_way_is_noticed(tmp_path: Path, room: str, line: str) -> None:
    for name in ROOMS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(f"{ROOT}/{name}", tmp_path / name, ignore=ignore)
    shutil.copy(f"{ROOT}/pyproject.toml", tmp_path)
    (tmp_path / room / "wrong_way.py").write_text(line + "\n", encoding="utf-8")
    result = lint_imports(str(tmp_path))
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{room}.wrong_way -> {line.split()[1]}" in result.stdout
