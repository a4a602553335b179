"""What LSF says of itself: in render, in ``render --check``, in doctor, in the site profile."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import UserError
from manifest.site import LsfSite, parse_site, site_text
from tests.clusters.lsf.script import embedded, options
from tests.round_trip.conftest import Farm

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn

SPEC: dict[str, Any] = {
    "name": "toys",
    "work": {"count": 3},
    "shards": 3,
    "command": ["true"],
    "resources": {"memory": "2 GB", "cpus": 2},
}


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:
    monkeypatch.setenv("FARMHAND_SITE", str(tmp_path / "site.yaml"))
    (tmp_path / "site.yaml").write_text("")
    return Farm(tmp_path)


def render(
    farm: Farm, *words: str, code: int = 0, **changes: Any
) -> subprocess.CompletedProcess[str]:
    call = ["render", "-", "--run-id", "r", "--scheduler", "lsf", *words]
    return farm(*call, code=code, stdin=json.dumps({**SPEC, **changes}))


def doctor(farm: Farm, *words: str) -> str:
    """What doctor prints; other schedulers of this machine may be in a bad state."""
    done = subprocess.run(
        ["farmhand", "doctor", *words], cwd=farm.path, capture_output=True, text=True, check=False
    )
    return done.stdout


def asked(farm: Farm) -> dict[str, str]:
    script = farm.run("r") / "shards" / "s0" / "batchScript.sh"
    return options(embedded(script.read_text()))[0]


def arrays(farm: Farm) -> int:
    return len(list(farm.run("r").glob("lsf_array_job*")))


def test_without_any_lsf_its_own_defaults_hold(farm: Farm) -> None:
    render(farm)
    assert (asked(farm)["M"], asked(farm)["R"]) == (
        "2097152",
        "rusage[mem=2048] span[hosts=1]",
    )
    assert arrays(farm) == 1


def test_lsf_is_asked(lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    lsf.configure(largest_array=2, unit="MB", by_slot=True, please_wait=True)
    monkeypatch.setenv("LSF_ENVDIR", str(lsf.path))
    render(farm)
    assert (asked(farm)["M"], asked(farm)["R"]) == ("2048", "rusage[mem=1024] span[hosts=1]")
    assert arrays(farm) == 2


def test_the_profile_wins_over_lsf_and_the_spec_over_both(
    lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    lsf.configure(largest_array=2, unit="MB")
    monkeypatch.setenv("LSF_ENVDIR", str(lsf.path))
    (farm.path / "site.yaml").write_text("lsf: {memory_unit: GB, max_array_size: 1}\n")
    render(farm, lsf={"memory_unit": "suffix", "memory_limit": "false"})
    assert "M" not in asked(farm)
    assert asked(farm)["R"] == "rusage[mem=2048MB] span[hosts=1]"
    assert arrays(farm) == 3


def test_another_scheduler_does_not_ask(
    lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (farm.path / "site.yaml").write_text("lsf: [\n")  # nor read what is for others
    farm("render", "-", "--run-id", "r", "--scheduler", "nohup", stdin=json.dumps(SPEC))
    said = farm(
        "render", "-", "--run-id", "q", "--scheduler", "lsf", code=2, stdin=json.dumps(SPEC)
    )
    assert "site.yaml" in said.stderr


def test_an_lsf_that_does_not_answer_is_not_waited_for(
    farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "bparams"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FARMHAND_SCHEDULER_TIMEOUT", "0.3")
    render(farm)
    assert arrays(farm) == 1


@pytest.mark.parametrize(
    ("section", "code", "lines"),
    [
        ({}, 0, ["ok   queue: LSF's default"]),
        ({"queue": "1nh 8nh"}, 0, ["ok   queue: 1nh", "ok   queue: 8nh"]),
        ({"queue": "2nd"}, 1, ["BAD  queue: bqueues: 2nd: No such queue"]),
    ],
)
def test_render_check(
    lsf: StandIn, farm: Farm, section: dict[str, str], code: int, lines: list[str]
) -> None:
    said = render(farm, "--check", code=code, lsf=section)
    for line in lines:
        assert f"{line}\n" in said.stdout
    assert "/tests/clusters/lsf/bin/bsub (it has no dry run" in said.stdout
    assert lsf.jobs() == []
    assert not (farm.path / "runs").exists()


def test_render_check_without_lsf(farm: Farm) -> None:
    said = render(farm, "--check", code=1)
    assert "BAD  bsub: not on PATH here\n" in said.stdout


def test_doctor(lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    said = doctor(farm)
    assert "ok   LSF: Stand-in for LSF 10.1.0.0, cluster farm\n" in said
    assert "ok   LSF arrays: up to 1,000 elements (MAX_JOB_ARRAY_SIZE 1000)\n" in said
    assert "--   LSF memory: no LSF_UNIT_FOR_LIMITS is seen, so -M counts in KB and rusage" in said
    assert "ok   LSF queues: normal, 8nm, 1nh, 8nh\n" in said
    lsf.configure(largest_array=50, unit="GB", by_slot=True)
    monkeypatch.setenv("LSF_ENVDIR", str(lsf.path))
    monkeypatch.setenv("BSUB_CHK_RESREQ", "y")
    monkeypatch.setenv("BSUB_QUIET", "y")
    (farm.path / "site.yaml").write_text("lsf: {memory_unit: MB, memory_limit: false}\n")
    said = doctor(farm, "--write")
    assert "ok   LSF memory: -M and rusage count in GB (LSF_UNIT_FOR_LIMITS), per slot\n" in said
    assert "BAD  BSUB_CHK_RESREQ: is set: bsub only checks" in said
    assert "--   BSUB_QUIET: is set" in said
    assert "BAD  site profile: lsf.memory_unit is MB there and GB in LSF; " in said
    site = parse_site((farm.path / "site.yaml").read_bytes(), "s")
    assert site.lsf == LsfSite(
        max_array_size=50,
        memory_unit="GB",
        rusage_per="slot",
        memory_limit=False,
        cluster="farm",
        version="Stand-in for LSF 10.1.0.0",
    )
    assert parse_site(site_text(site).encode(), "s") == site
    monkeypatch.delenv("BSUB_CHK_RESREQ")
    assert json.loads(doctor(farm, "--json"))["lsf"]["max_array_size"] == 50


def test_doctor_where_lsf_is_not_whole_or_does_not_answer(
    farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--   LSF: not on this machine\n" in doctor(farm)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    for name, text in {
        "bsub": "",
        "bjobs": "",
        "bqueues": "",
        "bparams": "",
        "lsid": "echo 'Failed in LSF library call: Cannot connect' >&2; exit 255",
    }.items():
        if name == "lsid":
            assert "BAD  LSF: lsid not on PATH, others are\n" in doctor(farm)
        script = tmp_path / "bin" / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
    said = doctor(farm)
    assert "BAD  LSF: does not answer: lsid: Failed in LSF library call: Cannot connect\n" in said


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("lsf: {memory_units: MB}", "unknown key 'memory_units'", "'memory_unit'"),
        ("lsf: {queue: a}", "unknown key 'queue'", "known here: cluster, max_array_size"),
        ("lsf: {max_array_size: 0}", "greater than 0", ""),
        ("lsf: {memory_unit: kb}", "'KB', 'MB', 'GB', 'TB' or 'suffix'", ""),
    ],
)
def test_a_wrong_profile(text: str, what: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_site(text.encode(), "s")
    assert what in raised.value.what
    assert hint in (raised.value.hint or "")
