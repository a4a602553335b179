"""What render writes for HTCondor, what it refuses, and why."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import htcondor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.errors import UserError
from manifest.spec import Spec
from renderer.condor_words import condor_path, condor_size
from renderer.plan import make_plan

SPEC: dict[str, Any] = {"name": "s", "work": {"count": 3}, "shards": 3, "command": ["true"]}
SHARED, TRANSFER = "condor_job.sub", "condor_job_transfer.sub"
GIB = 1 << 30


def render(base: Path, mode: str | None = None, **changes: Any) -> tuple[Path, str, str]:
    """Returns the run, the command, and the notes."""
    plan = make_plan(Spec.model_validate(SPEC | changes), str(base))
    run, every = make_run(plan, Way("htcondor", mode), str(base / "runs"), "r")
    (written,) = every
    (command,) = written.commands
    return Path(run), command, "\n".join(written.notes)


def lines(run: Path, file: str = SHARED) -> dict[str, str]:
    text = (run / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.]+) = (.*)$", text, re.MULTILINE))


def test_the_mode_says_which_file_is_typed_and_the_other_is_named(tmp_path: Path) -> None:
    for name, mode, first, second in (
        ("a", None, SHARED, TRANSFER), ("b", "shared", SHARED, TRANSFER),
        ("c", "transfer", TRANSFER, SHARED),
    ):  # fmt: skip
        base = tmp_path / name
        base.mkdir()
        run, command, notes = render(base, mode)
        assert command == f"condor_submit {run}/{first}"
        assert f"condor_submit {run}/{second}" in notes


def test_resources_have_units(tmp_path: Path) -> None:
    resources = {"cpus": 2, "memory": "1.5 GB", "disk": "10 GB", "gpus": 1}
    found = lines(render(tmp_path, resources=resources)[0])
    assert [found[f"request_{name}"] for name in resources] == ["2", "1536 MB", "10240 MB", "1"]
    (tmp_path / "x").mkdir()
    plain = lines(render(tmp_path / "x")[0])
    assert not [name for name in plain if name.startswith("request_")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"max_running": 2}, "2"),
        ({"htcondor": {"max_per_submission": "3"}}, None),
        ({"htcondor": {"max_per_submission": "2"}}, "2"),
        ({"htcondor": {"max_per_submission": "2"}, "max_running": 3}, "2"),
        ({"htcondor": {"max_per_submission": "9"}, "max_running": 3}, "3"),
    ],
)
def test_when_jobs_are_made_bit_by_bit(
    tmp_path: Path, changes: dict[str, Any], expected: str | None
) -> None:
    run, _, _ = render(tmp_path, **changes)
    for file in (SHARED, TRANSFER):
        assert lines(run, file).get("max_materialize") == expected


def test_policy_is_none_unless_asked_for(tmp_path: Path) -> None:
    run, _, _ = render(tmp_path)
    for file in (SHARED, TRANSFER):
        found = lines(run, file)
        assert not [name for name in found if re.match("periodic|on_exit|notif|rank|require", name)]


ABSOLUTE = "an input refers to {}, an absolute path"


@pytest.mark.parametrize("mode", [None, "shared"])
def test_what_cannot_be_sent_has_no_transfer_file_and_the_reason_is_said(
    tmp_path: Path, mode: str | None
) -> None:
    far = tmp_path / "far.txt"
    far.write_text("x")
    (tmp_path / "m.json").write_text(f'{{"files": ["{far}"]}}')
    for name, changes, why in (
        ("work", {"workdir": "."}, "workdir: is a directory of this filesystem"),
        ("abs", {"inputs": {"a": str(far)}}, "inputs.a has an absolute path; write it relative"),
        (
            "ref",
            {"inputs": {"m": {"path": "../m.json", "references": ["files[*]"]}}},
            ABSOLUTE.format(far),
        ),
    ):
        base = tmp_path / name
        base.mkdir()
        run, command, notes = render(base, mode, **changes)
        assert command == f"condor_submit {run}/{SHARED}"
        assert f"no {TRANSFER}: {why}" in notes
        assert not (run / TRANSFER).exists()


def test_asked_for_the_transfer_of_what_cannot_be_sent_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be sent to workers: workdir: is a directory"):
        render(tmp_path, "transfer", workdir=".")
    assert not (tmp_path / "runs/r").exists()


def test_urls_are_fetched_in_transfer_mode_only(tmp_path: Path) -> None:
    urls = "https://x.org/a, root://y.org//b"
    run, _, notes = render(tmp_path, htcondor={"commands": {"transfer_input_files": urls}})
    wanted = lines(run, TRANSFER)["transfer_input_files"].split(", ")
    assert wanted[-2:] == ["https://x.org/a", "root://y.org//b"]
    assert wanted[0] == "plan/id"
    assert "transfer_input_files" not in lines(run)
    assert f"{SHARED} fetches no https://x.org/a, root://y.org//b" in notes


def test_only_what_a_job_needs_is_sent(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    for name, changes, wanted in (
        ("a", {}, []),
        ("b", {"script": "true", "command": []}, ["plan/script"]),
        ("c", {"inputs": {"x": "../in.txt"}}, ["plan/stage"]),
    ):
        (tmp_path / name).mkdir()
        run, _, _ = render(tmp_path / name, **changes)
        sent = lines(run, TRANSFER)["transfer_input_files"].split(", ")
        assert sent == ["plan/id", "plan/shard.sh", "plan/args/$(fh_block)", *wanted]
        for path in sent:
            assert os.path.exists(run / path.replace("$(fh_block)", "0"))


def test_packing_is_said_not_to_happen(tmp_path: Path) -> None:
    assert "shards_per_job is not used" in render(tmp_path, shards_per_job=3)[2]


PATHS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\0\\=|"),
    max_size=30,
).map(lambda text: f"/farm/{text}/r")


@given(PATHS)
def test_any_path_that_is_not_refused_comes_back_from_htcondors_reader(path: str) -> None:
    try:
        written = condor_path(path)
    except UserError:
        return
    submit = htcondor2.Submit(f"initialdir = {written}\nqueue\n")
    assert submit.expand("initialdir") == path


@pytest.mark.parametrize("path", ["/a/b\\", "/a/b ", " /a", "/a=b", "/a|b", "/$$(x)", "/$(DOLLAR)"])
def test_paths_that_no_submit_file_can_hold(path: str) -> None:
    with pytest.raises(UserError, match="HTCondor cannot be told of a run in"):
        condor_path(path)


@pytest.mark.parametrize(
    ("amount", "text"), [(1, "1 MB"), (1 << 20, "1 MB"), ((1 << 20) + 1, "2 MB"), (GIB, "1024 MB")]
)
def test_sizes_are_rounded_up(amount: int, text: str) -> None:
    assert condor_size(amount) == text
