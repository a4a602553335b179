"""Whole rendered scripts, compared as a reader would; FARMHAND_GOLDEN=write writes them anew."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.spec import Spec
from renderer.bundle import bundle_text
from renderer.plan import make_plan
from renderer.plan_files import RunId, payload_text
from renderer.provenance import Image, provenance_text

GOLDEN = Path(__file__).parent / "golden"
SMALL = {
    "name": "small",
    "work": {"count": 10, "seed": 42},
    "shards": 4,
    "command": ["run", "--shard", "{{ shard.index }}/{{ shard.total }}"],
}
FULL = {
    "name": "full",
    "work": {"count": 3000},
    "shards": 1500,
    "script": "set -e\ncp \"$1\" out.txt\necho 'done'\n",
    "arguments": ["{{ inputs.config }}", "it's {{ shard.name }}", "{{ outputs.table }}"],
    "inputs": {"config": {"path": "in/config.json", "references": ["files[*]"]}},
    "outputs": {
        "table": {"path": "t_{{ shard.index }}.csv", "check": {"min_size": "10 B"}},
        "log": "log.txt",
    },
    "env": {"MODE": "fast $x", "PART": "{{ shard.start }}"},
    "prologue": "source '/opt/site setup.sh'\nmodule load root",
    "workdir": "/scratch/my dir",
    "threads": "cpus",
    "resources": {"cpus": 4, "memory": "2 GB", "walltime": "2h", "stop_signal": "INT"},
}


@pytest.mark.parametrize(("name", "spec"), [("small", SMALL), ("full", FULL)])
def test_the_payload(tmp_path: Path, name: str, spec: dict[str, Any]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/config.json").write_text('{"files": ["data/é 1.bin"]}')
    (tmp_path / "in/data").mkdir()
    (tmp_path / "in/data/é 1.bin").write_text("12345")
    plan = make_plan(Spec.model_validate(spec), str(tmp_path))
    text = payload_text(plan, RunId(f"{name}-run", "00000000-0000-0000-0000-000000000000"))
    compare(f"{name}.shard.sh", text)


SOFTWARE = {
    "versions": {"ROOT": "root-config --version", "two": "echo 'a'\necho b"},
    "checkouts": {"code": "my code"},
    "container": "images/fit.sif",
    "environment": ["ROOT*", "LD_LIBRARY_PATH"],
}


def test_the_payload_with_software() -> None:
    bundle = {"cache": "$TMPDIR/my bundles"}
    spec = Spec.model_validate(SMALL | {"bundle": bundle, "provenance": SOFTWARE})
    image = Image("/base/images/fit.sif", "sha256:" + "cd" * 32, "12345 1760000000")
    assert spec.bundle is not None
    software = {
        "bundle": bundle_text(spec.bundle, "ab" * 32),
        "provenance": provenance_text(spec.provenance, "/base", image),
    }
    ids = RunId("small-run", "00000000-0000-0000-0000-000000000000")
    compare("software.shard.sh", payload_text(make_plan(spec, "/base"), ids, software))


def test_batch_script(tmp_path: Path) -> None:
    run, _ = make_run(
        make_plan(Spec.model_validate(SMALL), str(tmp_path)), Way("nohup"), str(tmp_path), "r"
    )
    text = Path(run, "shards/s2/batchScript.sh").read_text()
    plan_id = Path(run, "plan/id").read_text().strip()
    compare("batchScript.sh", text.replace(run, "/farm/r").replace(plan_id, "PLAN-ID"))


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    checked = subprocess.run(
        ["shellcheck", "--shell=bash", "--exclude=SC2016", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    if os.environ.get("FARMHAND_GOLDEN") == "write":
        path.write_text(text)
        pytest.fail(f"{path.name} was written: look at the difference, then run without")
    assert text == path.read_text()


def test_the_plan_id_stands_for_every_byte(tmp_path: Path) -> None:
    run, _ = make_run(
        make_plan(Spec.model_validate(SMALL), str(tmp_path)), Way("local"), str(tmp_path), "r"
    )
    sums = Path(run, "plan/SHA256SUMS").read_bytes()
    assert Path(run, "plan/id").read_text().strip() == hashlib.sha256(sums).hexdigest()
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=Path(run, "plan"),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    listed = {line.split("  ")[1] for line in sums.decode().splitlines()}
    files = {str(p.relative_to(f"{run}/plan")) for p in Path(run, "plan").rglob("*") if p.is_file()}
    assert files - listed == {"SHA256SUMS", "id"}
    lines = Path(run, "plan/args/0").read_text().splitlines()
    assert lines == ["s0 0 3 42 0/4", "s1 3 3 45 1/4", "s2 6 2 48 2/4", "s3 8 2 50 3/4"]
