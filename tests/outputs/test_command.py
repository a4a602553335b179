from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manifest.checks import MergeSettings
from manifest.errors import Refusal, UserError
from outputs.merge import merge

if TYPE_CHECKING:
    from tests.outputs.conftest import Desk

JOIN = ["sh", "-c", 'out=$1; shift; cat "$@" > "$out"', "join"]


def run(arguments: list[str]) -> tuple[int, str]:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout + done.stderr


def test_inputs_become_arguments(desk: Desk) -> None:
    command = [*JOIN, "{{ merge.output }}", "{{ merge.inputs }}"]
    report = desk.merge(
        desk.sources([b"a\n", b"b\n"]), kind="command", command=command, run_command=run
    )
    assert desk.result() == b"a\nb\n"
    assert report.rows is None
    assert [part["bytes"] for part in desk.sidecar()["sources"]] == [2, 2]
    assert desk.left() == ["merged.out", "merged.out.merge.json"]


def test_inputs_in_a_list(desk: Desk) -> None:
    command = ["sh", "-c", 'xargs cat < "$1" > "$2"', "-", "{{ merge.list }}", "{{ merge.output }}"]
    desk.merge(desk.sources([b"a\n", b"b\n"]), kind="command", command=command, run_command=run)
    assert desk.result() == b"a\nb\n"
    assert desk.left() == ["merged.out", "merged.out.merge.json"]


def test_the_command_finds_no_output_yet_and_its_suffix(desk: Desk) -> None:
    seen = []

    def write(arguments: list[str]) -> tuple[int, str]:
        seen.append((Path(arguments[0]).exists(), Path(arguments[0]).suffix))
        Path(arguments[0]).write_bytes(b"x")
        return 0, ""

    desk.merge(
        desk.sources([b"a"]), kind="command", command=["{{ merge.output }}"], run_command=write
    )
    assert seen == [(False, ".out")]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            'echo one; echo "hadd: bad file" >&2; exit 3',
            "sh ended with exit code 3: hadd: bad file",
        ),
        ("exit 0", "sh ended with exit code 0 but wrote no output"),
        (': > "$1"', "sh ended with exit code 0 but its output is empty"),
        ('echo 1 > "$1"', "the merged result is 2 bytes, min_size is 100 B"),
    ],
)
def test_refusals(desk: Desk, script: str, words: str) -> None:
    command = ["sh", "-c", script, "-", "{{ merge.output }}"]
    with pytest.raises(Refusal, match=words):
        desk.merge(
            desk.sources([b"a"]),
            kind="command",
            command=command,
            check={"min_size": "100 B"},
            run_command=run,
        )
    assert desk.left() == []


def test_an_input_that_vanished_is_named(desk: Desk) -> None:
    sources = desk.sources([b"a", b"b"])
    (desk.folder / "shards" / "s1").unlink()
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): cannot be read"):
        desk.merge(sources, kind="command", command=["{{ merge.output }}"], run_command=run)


def test_too_many_inputs_for_a_command_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outputs.command.ARGUMENT_SPACE", 50)
    command = ["{{ merge.inputs }}", "{{ merge.output }}"]
    with pytest.raises(UserError, match=r"merge.list"):
        desk.merge(desk.sources([b"a", b"b"]), kind="command", command=command, run_command=run)


def test_all_kinds_refuse_what_makes_no_sense(desk: Desk) -> None:
    with pytest.raises(Refusal, match="no shard has an accepted output"):
        desk.merge([], kind="text")
    sources = desk.sources([b"a", b"b"])
    with pytest.raises(Refusal, match=r"more than one source for shards 1"):
        desk.merge([*sources, dataclasses.replace(sources[1], path="/other")], kind="text")
    files = desk.sources([b"a", b"b"], planned=False)
    with pytest.raises(Refusal, match=r"one file 2 times: shards/s1, shards/s1"):
        desk.merge([*files, files[1]], kind="text")
    with pytest.raises(Refusal, match="planned shards and unplanned files together"):
        desk.merge([sources[0], files[1]], kind="text")


def test_the_plan_is_counted(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"2 shards with an output and 0 without, but 3 are planned"):
        merge(
            MergeSettings(kind="text"),
            desk.sources([b"a", b"b"]),
            str(desk.target),
            missing=(),
            planned_total=3,
            run={},
        )


def test_the_result_does_not_overwrite_an_input(desk: Desk) -> None:
    sources = desk.sources([b"a"])
    desk.target.symlink_to(sources[0].path)
    with pytest.raises(UserError, match=r"would overwrite shard 0 \(s0\)"):
        desk.merge(sources, kind="text")
    assert Path(sources[0].path).read_bytes() == b"a"
