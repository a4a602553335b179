"""Whole submit files and wrappers, compared as a reader would, and shown to HTCondor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import htcondor2
import pytest

from manifest.header import Submission
from manifest.layout import parse_ranges
from manifest.resources import Resources
from manifest.spec import Spec
from renderer import htcondor as renderer
from renderer.submission import Target, Written
from tests.renderer.test_golden import GOLDEN, compare

if TYPE_CHECKING:
    from tests.clusters.condor import Condor

PLAN = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
UUID = "6f1d2a44-8c1e-4b5e-9d53-0a7be1d2c3f4"
EVERYTHING = {
    "max_running": "50",
    "script": "true",
    "command": [],
    "inputs": {"board": "board.txt"},
    "htcondor": {
        "requirements": '(TARGET.Arch == "X86_64") || (TARGET.Cpus > 1)',
        "rank": "TARGET.KFlops",
        "accounting_group": "group_physics.top",
        "accounting_group_user": "me",
        "job_flavour": "longlunch",
        "container_image": "/cvmfs/images/el9.sif",
        "notification": "Never",
        "environment": {"APPTAINER_BIND": "/a:/b", "SAY": 'it\'s "mine" \\ $(HOME)'},
        "custom_resources": {"squids": "1"},
        "attributes": {"ProjectName": '"it\'s mine"', "WantGlidein": "True"},
        "commands": {
            "periodic_release": "(HoldReasonCode == 3) && (NumJobStarts < 3)",
            "job_lease_duration": "3600",
            "nice_user": "True",
            "getenv": "HTTP_PROXY",
        },
    },
    "resources": {
        "cpus": "4",
        "memory": "1.5 GB",
        "walltime": "26h",
        "gpus": "1",
        "disk": "9 GB",
    },
}
Case = tuple[str, str, int, dict[str, Any]]
CASES: dict[str, Case] = {
    # name -> run, shards, number of the submission, of the spec
    "small": ("/farm/r", "0-3", 1, {}),
    "everything": ('/farm/it\'s 100% "mine" #1, $(HOME) é', "0-99", 1, EVERYTHING),
    "nested": ("/farm/r", "0,999,1000,20500", 1, {"shards": "21000"}),
    "bit-by-bit": ("/farm/r", "0-9", 1, {"htcondor": {"max_per_submission": "9"}}),
    "resubmission": (
        "/farm/r",
        "5,8",
        2,
        {"htcondor": {"requirements": "Cpus > 1"}, "resources": {"memory": "2 GB"}},
    ),
    "closed": ("/farm/r", "7", 1, {"workdir": "work"}),
}
HOSTS = {"resubmission": ("n8.site", "n9.site")}
FILES = [
    (name, file)
    for name in CASES
    for file in (renderer.SHARED, renderer.TRANSFER)
    if (name, file) != ("closed", renderer.TRANSFER)
]


def render(name: str, root: Path, run: str | None = None) -> Written:
    """Write one of the cases below ``root``; scripts say that it lies in ``run``."""
    told, shards, number, more = CASES[name]
    spec = Spec.model_validate({"name": "s", "work": {"count": 1}, "command": ["true"], **more})
    for path in ("plan", "plan/stage") if spec.inputs else ("plan",):
        (root / path).mkdir()
    (root / "plan/inputs.json").write_text("[]")
    if spec.script is not None:
        (root / "plan/script").touch()
    (root / "submissions").mkdir()
    submission = Submission(
        id=number, scheduler="htcondor", shards=shards, resources={}, created_at_utc=""
    )
    return renderer.render(
        Target(
            run=run or told,
            root=str(root),
            run_id="r",
            plan_id=PLAN,
            submission=submission,
            resources=spec.resources or Resources(),
            shards=[(index, f"s{index}") for index in parse_ranges(shards)],
            nested=spec.shards > 1000,
            spec=spec,
            exclude=HOSTS.get(name, ()),
            run_uuid=UUID,
        )
    )


def place(name: str, root: Path) -> Path:
    number = CASES[name][2]
    return root if number == 1 else root / f"resubmit-{number}"


def golden(name: str, text: str) -> None:
    """Compare, or write anew, a text that is no shell script."""
    path = GOLDEN / name
    if os.environ.get("FARMHAND_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was written: look at the difference, then run without")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_submit_file(tmp_path: Path, name: str, file: str) -> None:
    render(name, tmp_path)
    text = (place(name, tmp_path) / file).read_text(encoding="utf-8")
    golden(f"condor-{name}.{'transfer' if file == renderer.TRANSFER else 'shared'}.sub", text)


@pytest.mark.parametrize("name", ["small", "everything", "nested", "resubmission"])
def test_a_wrapper(tmp_path: Path, name: str) -> None:
    """A shell script, which shellcheck is content with."""
    render(name, tmp_path)
    wrapper = place(name, tmp_path) / renderer.WRAPPER
    assert wrapper.stat().st_mode & 0o777 == 0o755
    compare(f"condor-{name}.sh", wrapper.read_text(encoding="utf-8"))


def test_the_item_list(tmp_path: Path) -> None:
    render("nested", tmp_path)
    items = (tmp_path / "submissions/1.items").read_text(encoding="ascii")
    assert items == "0 0 s0\n999 0 s999\n1000 1 s1000\n20500 20 s20500\n"
    logs = sorted(path.name for path in (tmp_path / "logs/1").iterdir())
    assert logs == ["0", "1", "20"]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_htcondors_own_reader_has_what_was_meant(tmp_path: Path, name: str, file: str) -> None:
    run = str(tmp_path / 'it\'s 100% "mine" #1, $(HOME) é')
    os.mkdir(run)
    render(name, Path(run), run)
    shards = list(parse_ranges(CASES[name][1]))
    submit = htcondor2.Submit((place(name, Path(run)) / file).read_text(encoding="utf-8"))
    assert submit.getQArgs().startswith("fh_shard, fh_block, fh_name from ")
    items = submit.getQArgs().partition(" from ")[2].replace("$(DOLLAR)", "$")
    assert items == f"{run}/submissions/{CASES[name][2]}.items"
    assert len(Path(items).read_text(encoding="ascii").splitlines()) == len(shards)
    folder = "shards/$(fh_block)/$(fh_name)" if name == "nested" else "shards/$(fh_name)"
    assert submit.get("transfer_output_files", folder).startswith(folder)
    assert submit["initialdir"].replace("$(DOLLAR)", "$") == run
    assert submit.expand("log") == f"{run}/logs/{CASES[name][2]}/condor.log"


@pytest.mark.parametrize(("name", "file"), FILES)
def test_condor_submit_takes_them(condor: Condor, name: str, file: str) -> None:
    root = condor.workspace() / 'it\'s 100% "mine" #1, $(HOME) é'
    root.mkdir()
    render(name, root, str(root))
    path = place(name, root) / file
    shown = condor.run_as_user(["condor_submit", "-dry-run", "-", str(path)]).stdout
    jobs = len(list(parse_ranges(CASES[name][1])))
    assert f"{jobs} job(s) dry-run to cluster 1." in shown
    ad = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    mode = "transfer" if file == renderer.TRANSFER else "shared"
    here = str(root).replace('"', '\\"')
    script = str(place(name, root) / renderer.WRAPPER).replace('"', '\\"')
    number = CASES[name][2]
    assert ad["Iwd"] == f'"{here}"'
    assert ad["UserLog"] == f'"{here}/logs/{number}/condor.log"'
    assert ad["Cmd"] == f'"{script}"'
    assert ad["FarmhandSubmission"] == f'"{UUID}.{number}"'
    assert ad["SubmitEventNotes"].startswith(f'"farmhand {UUID} {number} ')
    assert ad["SubmitEventNotes"].endswith(f' {mode}"')
    assert ad["ShouldTransferFiles"] == ('"YES"' if mode == "transfer" else '"NO"')
    if name == "everything":
        assert ad["RequestMemory"] == "1536"
        # It has quoting of its own: only what needs it.
        said = r"""SAY=it''''s' '\"mine\"' '\' '$(HOME)"""
        assert ad["Environment"] == f'"APPTAINER_BIND=/a:/b {said}"'
        assert ad["RequestDisk"] == "9437184"
        assert ad["Requestsquids"] == "1"
        assert ad["JobFlavour"] == '"longlunch"'
        assert ad["ProjectName"] == '"it\'s mine"'
