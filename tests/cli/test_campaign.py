"""Rendering under the name of a run that exists: the same campaign, or what is different."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

SPEC: dict[str, Any] = {
    "name": "ep",
    "work": {"events": "lists/inputs.list", "events_per_job": 2000},
    "command": ["x", "{{ inputs.card }}", "{{ chunk.files }}"],
    "inputs": {"card": "card.txt"},
}
LIST = "# a sample\nroot://host//a.hepmc 5000\ns3://b/b.hepmc 1999\n"


@pytest.fixture
def field(farm: Farm) -> Farm:
    (farm.path / "lists").mkdir()
    (farm.path / "card.txt").write_text("1")
    put(farm, LIST)
    write(farm, SPEC)
    farm("render", "--run-id", "r")
    return farm


def put(farm: Farm, text: str) -> None:
    (farm.path / "lists/inputs.list").write_text(text)


def write(farm: Farm, spec: dict[str, Any]) -> None:
    (farm.path / "farmhand.yaml").write_text(json.dumps(spec))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LIST.replace("1999", "7"),
         "lists/inputs.list:3: s3://b/b.hepmc has 7 events, not 1999"),
        (LIST + "h://c 1\nh://d 1\n", "lists/inputs.list:4: h://c is new, and 1 more"),
        ("h://0 1\n" + LIST, "lists/inputs.list:1: h://0 is new"),
        ("root://host//a.hepmc 5000\n", "s3://b/b.hepmc is gone"),
        (LIST.replace("a.hepmc", "o.hepmc"),
         "lists/inputs.list:2: root://host//o.hepmc is new; root://host//a.hepmc is gone"),
        ("s3://b/b.hepmc 1999\n\nroot://host//a.hepmc 5000\n",
         "lists/inputs.list:1: s3://b/b.hepmc stands in another place"),
    ],
)  # fmt: skip
def test_a_changed_list_is_named_by_its_line(field: Farm, text: str, said: str) -> None:
    before = (field.run() / "manifest.json").read_bytes()
    put(field, text)
    answer = field("render", "--run-id", "r", code=2).err
    assert f"a run named 'r' exists, and it is another one: {said}\n" in answer
    assert (field.run() / "manifest.json").read_bytes() == before


def test_other_comments_are_the_same_list(field: Farm) -> None:
    put(field, "# other words\n\n" + LIST)
    assert "with this very plan" in field("render", "--run-id", "r", code=2).err


def test_a_file_on_this_machine_that_was_changed(field: Farm) -> None:
    (field.path / "lists/a.root").write_text("1")
    put(field, "a.root 5\n")
    field("render", "--run-id", "s")
    (field.path / "lists/a.root").write_text("longer")
    answer = field("render", "--run-id", "s", code=2).err
    assert "it is another one: lists/a.root was changed\n" in answer


def test_changed_inputs_and_another_scheduler_are_another_run(field: Farm) -> None:
    (field.path / "card.txt").write_text("2")
    write(field, {**SPEC, "work": {**SPEC["work"], "events_per_job": 1000}})
    answer = field("render", "--run-id", "r", "--scheduler", "slurm", code=2).err
    assert (
        "work.events_per_job 2000 -> 1000; input card.txt was changed; scheduler local -> slurm\n"
    ) in answer
    (field.path / "new.txt").write_text("2")
    write(field, {**SPEC, "command": ["x"], "inputs": {"card": "new.txt"}})
    answer = field("render", "--run-id", "r", code=2).err
    assert "input new.txt is new; input card.txt is gone\n" in answer


@pytest.mark.parametrize("name", ["spec.json", "files.json", "inputs.json"])
@pytest.mark.parametrize("damage", [b"{}", b"", b"\xff", b"[1]"])
def test_a_damaged_plan_is_never_a_traceback(field: Farm, name: str, damage: bytes) -> None:
    (field.run() / "plan" / name).write_bytes(damage)
    assert "a run named 'r' exists" in field("render", "--run-id", "r", code=2).err
