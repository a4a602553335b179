from __future__ import annotations

import errno
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.errors import Refusal, UserError
from manifest.spec import Spec
from manifest.store import Manifest, read_manifest, write_manifest
from renderer.plan import make_plan

SPEC = {"name": "f", "work": {"count": 2500, "seed": 7}, "shards": 2500, "command": ["true"]}


def made(folder: str, shards: int = 3) -> Manifest:
    spec = Spec.model_validate({**SPEC, "shards": shards})
    run, _ = make_run(make_plan(spec, folder), Way("local"), folder, "r")
    return read_manifest(f"{run}/manifest.json")


def test_the_file_is_json_with_one_shard_a_line(tmp_path: Path) -> None:
    manifest = made(str(tmp_path), 2500)
    data = Path(manifest.path).read_bytes()
    whole = json.loads(data)
    assert whole["schema_version"] == "farmhand.manifest/1"
    assert [row["shard_index"] for row in whole["plans"]] == list(range(2500))
    lines = data.split(b"\n")
    assert sum(line.startswith(b'{"shard_index":1234,"name":"s1234",') for line in lines) == 2
    assert [json.loads(row) for row in manifest.results] == whole["results"]
    assert manifest.plans.row(2499)["seed"] == 7 + 2499


def test_a_pretty_printed_manifest_has_the_same_rows(tmp_path: Path) -> None:
    manifest = made(str(tmp_path), 2500)
    path = Path(manifest.path)
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=2))
    again = read_manifest(manifest.path)
    assert [json.loads(row) for row in again.results] == [
        json.loads(row) for row in manifest.results
    ]
    assert again.header.blocks[0].states == {"planned": 1000}
    write_manifest(replace(again, header=again.header.model_copy(update={"revision": 2})))
    assert list(read_manifest(manifest.path).plans) == list(again.plans)


FOLDER = tempfile.mkdtemp()
WHOLE = Path(made(FOLDER).path).read_bytes()


@settings(deadline=None)
@given(cut=st.integers(0, len(WHOLE) - 1))
def test_a_truncated_manifest_is_said_to_be_damaged(cut: int) -> None:
    path = Path(FOLDER, "cut.json")
    path.write_bytes(WHOLE[:cut])
    if cut == len(WHOLE) - 1:
        assert read_manifest(str(path)).header.shards == 3  # only the last line end is missing
        return
    with pytest.raises(UserError, match="damaged") as error:
        read_manifest(str(path))
    assert "--rebuild" in str(error.value)


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_never_brings_a_traceback(at: int, byte: int) -> None:
    path = Path(FOLDER, "flipped.json")
    path.write_bytes(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    try:
        manifest = read_manifest(str(path))
        for index in range(manifest.header.shards):
            manifest.results.head(index)
            manifest.plans.row(index)
    except UserError:
        pass


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = Path(made(str(tmp_path)).path)
    path.write_bytes(path.read_bytes().replace(b"farmhand.manifest/1", b"farmhand.manifest/9"))
    with pytest.raises(UserError, match=r"schema 'farmhand\.manifest/9'"):
        read_manifest(str(path))


def next_revision(manifest: Manifest, revision: int) -> Manifest:
    return replace(manifest, header=manifest.header.model_copy(update={"revision": revision}))


def test_a_lost_race_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    manifest = made(str(tmp_path))
    write_manifest(next_revision(manifest, 2))
    with pytest.raises(Refusal, match="somebody else has written"):
        write_manifest(next_revision(manifest, 2))
    assert read_manifest(manifest.path).header.revision == 2
    assert not list(Path(manifest.run).glob(".*.tmp"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    manifest = made(str(tmp_path))
    before = Path(manifest.path).read_bytes()

    def full(_: int) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="the disk is full") as error:
        write_manifest(next_revision(manifest, 2))
    assert "intact" in str(error.value)
    assert Path(manifest.path).read_bytes() == before
    assert not list(Path(manifest.run).glob(".*.tmp"))
