"""The wheel in a clean environment, outside the clone, with a hostile PYTHONPATH."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONE_LINER = [
    "--scheduler",
    "local",
    "--shards",
    "2",
    "--",
    "echo",
    "{{ shard.index }}/{{ shard.total }}",
]


def run(
    arguments: list[str], cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        arguments, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run([*build, str(ROOT)], folder)
    (path,) = folder.glob("farmhand-*.whl")
    return path


def test_the_wheel_holds_the_rooms_and_the_templates_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    rooms = {top for top in tops if not top.endswith(".dist-info")}
    assert rooms == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    templates = {path.name for path in (ROOT / "templates").iterdir() if path.suffix == ".j2"}
    assert "shard.sh.j2" in templates
    assert templates <= {name.removeprefix("templates/") for name in names}


@pytest.mark.registry
def test_a_clean_environment_renders_and_runs_the_one_liner(wheel: Path, tmp_path: Path) -> None:
    outside = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    python = tmp_path / "venv/bin/python"
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")], tmp_path, outside)
    run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], tmp_path, outside)
    # What physics set-ups do: directories on PYTHONPATH with modules of the same everyday names.
    site = tmp_path / "site"
    (site / "renderer").mkdir(parents=True)
    (site / "renderer/__init__.py").write_text("raise SystemExit('the wrong renderer')\n")
    (site / "pydantic.py").write_text("raise SystemExit('the wrong pydantic')\n")
    home = tmp_path / "home"
    home.mkdir()
    clean = {
        "HOME": str(home),
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "PYTHONPATH": str(site),
        "LC_ALL": "C",
    }
    work = tmp_path / "work"
    work.mkdir()
    typed = run(["farmhand", "render", *ONE_LINER], work, clean).stdout.splitlines()
    assert len(typed) == 1
    assert typed[0].startswith("farmhand run ")
    run(["bash", "-c", typed[0]], work, clean)
    texts = sorted(path.read_text() for path in work.glob("runs/*/shards/*/*/stdout"))
    assert texts == ["0/2\n", "1/2\n"]
    run(["farmhand", "check"], work, clean)
