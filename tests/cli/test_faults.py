"""What goes wrong while jobs run, and what people do to run directories: a verdict or a message."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]

BROKEN = """echo hello >out.txt
case $FARMHAND_SHARD_INDEX in
  0) exit 3 ;;
  1) kill -SEGV $$ ;;
  2) sleep 60 ;;
  3) rm out.txt ;;
  4) : >out.txt ;;
  5) exec /no/such/program ;;
  6) exec /etc/passwd ;;
  7) echo 'Traceback (most recent call last):
  File "x.py", line 1, in <module>
ValueError: bad muon' >&2; exit 1 ;;
  8) echo '{"a": [1, 2' >out.txt ;;
  9) kill -9 $$ ;;
  10) echo 'cannot write: No space left on device' >&2; exit 1 ;;
esac
"""


def test_each_way_to_fail_has_its_verdict(farm: Farm) -> None:
    farm.render({
        "name": "b", "work": {"count": 12}, "shards": 12, "script": BROKEN,
        "outputs": {"o": {"path": "out.txt", "check": {"min_size": "3 B", "forbid": "a"}}},
    })  # fmt: skip
    jobs = [
        subprocess.Popen(
            ["bash", "runs/r/plan/shard.sh", farm.manifest()["plan_id"], "1", "nohup", "-", "0",
             "1", str(shard)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) for shard in range(12)
    ]  # fmt: skip
    codes = [job.wait(timeout=60) for job in jobs]
    assert codes == [3, 139, 143, 93, 93, 127, 126, 1, 0, 137, 1, 0]
    found = {
        row["shard_index"]: (row["state"], row["cause"], row["evidence"])
        for row in farm.check(code=1)["bad"]
    }
    script = farm.run() / "plan" / "script"
    assert found == {
        0: ("failed", "exit_code", "exit code 3"),
        1: ("failed", "signal", "killed by SIGSEGV (exit code 139)"),
        2: ("failed", "timeout", found[2][2]),
        3: ("failed", "bad_output", "output o: out.txt is missing"),
        4: ("failed", "bad_output", "output o: out.txt has 0 bytes, at least 3 are wanted"),
        5: ("failed", "setup", (f"command not found (exit code 127); {script}: line 8: "
            "/no/such/program: No such file or directory")),
        6: ("failed", "setup", (f"command cannot be executed (exit code 126); {script}: line 9: "
            "/etc/passwd: Permission denied")),
        7: ("failed", "exit_code", "exit code 1; ValueError: bad muon"),
        8: ("failed", "bad_output", found[8][2]),
        9: ("failed", "signal", "killed by SIGKILL (exit code 137)"),
        10: ("failed", "disk", "exit code 1; cannot write: No space left on device"),
    }  # fmt: skip
    assert "stopped at the walltime of" in found[2][2]
    assert "out.txt" in found[8][2]
    assert "'a'" in found[8][2]


@pytest.mark.parametrize(
    ("word", "content", "code", "evidence"),
    [
        ("no-such-command", None, 127, "no-such-command: not found"),
        ("./job", "not runnable", 126, "Permission denied"),
        ("./job", "#!/no/interpreter\n", 126, "not found"),
    ],
)
def test_a_command_that_cannot_start_is_setup(
    farm: Farm, word: str, content: str | None, code: int, evidence: str
) -> None:
    inputs = {}
    if content is not None:
        Path("job").write_text(content)
        Path("job").chmod(0o755 if content.startswith("#!") else 0o644)
        inputs, word = {"inputs": {"job": "job"}}, "{{ inputs.job }}"
    farm.render({"name": "c", "work": {"count": 1}, "command": [word], **inputs})
    assert farm.job(0) in (code, 127)  # bash 5.2 counts a missing interpreter as not found
    [bad] = farm.check(code=1)["bad"]
    assert (bad["state"], bad["cause"]) == ("failed", "setup")
    assert evidence in bad["evidence"]
    assert bad["evidence"].count(evidence) == 1, "once is enough"


def test_a_prologue_or_work_directory_that_fails_is_setup(farm: Farm) -> None:
    spec = {"name": "p", "work": {"count": 1}, "command": ["touch", "ran"]}
    for number, (change, evidence) in enumerate([
        ({"prologue": "exit 4\n"}, "the prologue ended with code 4"),
        ({"prologue": "if true\n"}, "syntax error"),
        ({"workdir": "nowhere"}, "cannot enter the work directory"),
    ]):  # fmt: skip
        name = f"r{number}"
        farm.render({**spec, **change}, name=name)
        assert farm.job(0, name=name) == 91
        [bad] = farm.check(name, code=1)["bad"]
        assert bad["cause"] == "setup"
        assert evidence in bad["evidence"]
    assert not list(Path("runs").rglob("ran"))


# --- the plan or an input edited under pending jobs


@pytest.mark.parametrize(
    ("file", "change", "code", "said"),
    [
        ("args/0", lambda text: text.replace("s1 1 1", "s1 3 1"), 0, None),
        ("args/0", lambda text: text.split("\n")[0] + "\n", 91, "no usable line for shard 1"),
        ("shard.sh", lambda text: text + "# mine\n", 0, None),
        ("spec.json", lambda text: text.replace("toys", "toyz"), 0, None),
        ("id", lambda _: "another\n", 90, "submitted for plan"),
        ("SHA256SUMS", lambda text: text.upper(), 0, None),
    ],
)
def test_an_edited_plan(
    toys: Toys, file: str, change: Callable[[str], str], code: int, said: str | None
) -> None:
    farm = toys()
    assert farm.job(0) == 0
    script = (farm.run() / "shards" / "s1" / "batchScript.sh").read_text()
    path = farm.run() / "plan" / file
    before = path.read_text()
    path.write_text(change(before))
    assert subprocess.run(["bash"], input=script, text=True, check=False).returncode == code
    told = farm("collect", "--in-place", "runs/r").err
    named = "SHA256SUMS" if file == "id" else file
    assert f"the plan was edited after it was rendered ({named}" in told
    if said:
        [bad] = farm.check(code=1)["bad"]
        assert (bad["name"], bad["cause"]) == ("s1", "setup")
        assert said in bad["evidence"]
    for words in (["run"], ["resubmit"], ["merge", "--allow-partial"]):
        refused = farm(*words, "runs/r", code=1).err
        assert f"the plan was edited after it was rendered: {named}" in refused
        assert "restore plan/" in refused
    path.write_text(before)
    assert "edited" not in farm("collect", "runs/r").err


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("spec.json", "{"),
        ("spec.json", '{"name": 3}'),
        ("outputs/0", "{"),
        ("outputs/0", '{"other": "x"}\n'),
        ("outputs/0", None),
        ("inputs.json", "3"),
        ("inputs.json", "[{}]"),
    ],
)
def test_a_plan_that_cannot_be_read(toys: Toys, file: str, content: str | None) -> None:
    farm = toys(outputs={"o": {"path": "out{{ shard.index }}.txt"}})
    farm.job(0)
    path = farm.run() / "plan" / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    said = farm("collect", "runs/r", code=2).err
    assert str(path) in said
    assert "restore plan/" in said


@pytest.fixture
def reading(farm: Farm) -> Farm:
    Path("in.txt").write_text("12345\n")
    farm.render({
        "name": "i", "work": {"count": 3}, "shards": 3, "inputs": {"i": "in.txt"},
        "command": ["cp", "{{ inputs.i }}", "{{ outputs.o }}"], "outputs": {"o": "out.txt"},
        "merge": {"kind": "text"},
    })  # fmt: skip
    assert farm.job(0) == 0
    return farm


def test_an_input_of_another_size_starts_nothing(reading: Farm) -> None:
    Path("in.txt").write_text("1234567\n")
    assert reading.job(1) == 92
    [bad] = reading.check(code=1)["bad"]
    assert (bad["cause"], bad["evidence"]) == ("stage_in", "input in.txt: 8 bytes, planned 6")
    for words in (["run"], ["resubmit"]):
        assert (
            "inputs were changed after the render: in.txt" in reading(*words, "runs/r", code=1).err
        )
    Path("in.txt").unlink()
    assert reading.job(2) == 92
    evidence = [row["evidence"] for row in reading.check(code=1)["bad"]]
    assert evidence[1] == "input in.txt: missing or not readable, planned 6 bytes"
    Path("in.txt").write_text("12345\n")
    assert "again, same resources" in reading("resubmit", "runs/r").err


def test_an_input_of_the_same_size_spoils_what_ran_after(reading: Farm) -> None:
    time.sleep(0.02)
    Path("in.txt").write_text("54321\n")
    assert reading.job(1, 2) == 0
    assert "inputs were changed" in reading("collect", "--in-place", "runs/r").err
    refused = reading("merge", "runs/r", code=1).err
    assert "input in.txt was changed after the render, and shards 1-2 ran after that" in refused
    assert not (reading.run() / "merged.txt").exists()


def test_an_input_that_was_only_touched_or_changed_too_late_is_fine(reading: Farm) -> None:
    os.utime("in.txt")
    assert reading.job(1, 2) == 0
    assert "changed" not in reading("collect", "--in-place", "runs/r").err
    time.sleep(0.02)
    Path("in.txt").write_text("the next study\n")
    reading("merge", "runs/r")
    assert (reading.run() / "merged.txt").read_text() == "12345\n" * 3


# --- the manifest


def test_every_truncation_is_told_and_mended(toys: Toys) -> None:
    farm = toys()
    farm.job(0, 1)
    farm("collect", "--in-place", "runs/r")
    path = farm.run() / "manifest.json"
    whole = path.read_bytes()
    for length in [0, 1, 50, 400, *range(500, len(whole) - 1, 211), len(whole) - 2]:
        path.write_bytes(whole[:length])
        said = farm("check", "runs/r", code=2).err
        assert "the manifest is damaged" in said
        assert "farmhand collect --rebuild" in said
        assert path.read_bytes() == whole[:length], "nothing was written"
    farm("collect", "--rebuild", "runs/r")
    farm("collect", "--rebuild", "runs/r")
    kept = list(farm.run().glob("manifest.json.damaged-*"))
    assert sorted(len(each.read_bytes()) > len(whole) - 3 for each in kept) == [True, True]
    assert farm.check()["states"] == {"planned": 2, "succeeded": 2}
    path.unlink()
    assert "farmhand collect --rebuild" in farm("check", "runs/r", code=2).err
    farm("collect", "--rebuild", "runs/r")
    assert farm.check()["states"] == {"planned": 2, "succeeded": 2}


DAMAGE: dict[str, tuple[str, str]] = {
    "state": ('"state":"succeeded"', '"state":"suceeded"'),
    "key": ('"attempts":', '"atempts":'),
    "attempt": ('{"attempt":"', '{"atempt":"'),
    "number": (r'"ended":[0-9.]+', '"ended":"soon"'),
    "count": ('"shards":4,', '"shards":5,'),
    "head": ('"revision":2,', '"revision":"two",'),
    "brackets": (r'"results":\[', '"results":{'),
    "list": ("^", "["),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_by_hand_is_never_a_traceback(toys: Toys, kind: str) -> None:
    farm = toys()
    farm.job(0, 1, 2, 3)
    farm("collect", "--in-place", "runs/r")
    path = farm.run() / "manifest.json"
    damaged, times = re.subn(*DAMAGE[kind], path.read_text())
    assert times
    path.write_text(damaged)
    for words in (["check"], ["collect"], ["resubmit"], ["status"], ["collect", "--in-place"]):
        said = farm(*words, "runs/r", code=None)
        # Rows in which nothing is new are copied, not read.
        assert said.code in (0, 1) or "the manifest is damaged" in said.err
    for words in (["show", "runs/r", "0"], ["merge", "runs/r"]):
        assert "the manifest is damaged" in farm(*words, code=2).err
    farm("collect", "--rebuild", "runs/r")
    assert farm.check()["succeeded"] == 4


def test_a_pretty_printed_manifest_is_read_and_written_plain_again(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    farm("collect", "--in-place", "runs/r")
    path = farm.run() / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    assert farm.check()["states"] == {"planned": 3, "succeeded": 1}
    farm.job(1)
    farm("collect", "--in-place", "runs/r")
    assert path.read_text().count('\n{"shard_index":') == 8
    assert farm.check()["states"] == {"planned": 2, "succeeded": 2}


def test_a_manifest_of_a_newer_schema_is_left_alone(toys: Toys) -> None:
    farm = toys()
    path = farm.run() / "manifest.json"
    newer = path.read_text().replace("farmhand.manifest/1", "farmhand.manifest/2")
    path.write_text(newer)
    for verb in ("check", "collect", "run", "resubmit", "merge", "status"):
        said = farm(verb, "runs/r", code=2).err
        assert "schema 'farmhand.manifest/2'; this farmhand reads 'farmhand.manifest/1'" in said
        assert "a newer one" in said
    assert path.read_text() == newer


def test_the_fixed_layout_is_not_a_foreigners_duty(toys: Toys) -> None:
    """A key order or a blank that another program wrote is no damage."""
    farm = toys()
    farm.job(2)
    farm("collect", "--in-place", "runs/r")
    path = farm.run() / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert farm.check()["states"] == {"planned": 3, "succeeded": 1}
    assert "succeeded" in farm("show", "runs/r", "s2").out


# --- what cannot be written


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_while_the_manifest_is_written(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = toys(command=["false"])
    farm.job(0)
    before = (farm.run() / "manifest.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for words in (["collect", "--in-place"], ["collect"], ["resubmit"]):
            said = farm(*words, "runs/r", code=2).err
            assert "the disk is full" in said
            assert "what was there is intact" in said
        said = farm("render", "--run-id", "new", "--", "true", code=2).err
        assert "the run cannot be written: the disk is full" in said
        assert "nothing is left behind" in said
    assert (farm.run() / "manifest.json").read_bytes() == before
    assert sorted(os.listdir("runs")) == ["r"]
    assert not list(farm.run().glob(".manifest.json.*"))
    farm("collect", "--in-place", "runs/r")
    assert farm.check(code=1)["states"] == {"failed": 1, "planned": 3}
    farm("resubmit", "runs/r")


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_write_that_fails_half_way_leaves_the_old(farm: Farm) -> None:
    command = ["--shards", "300", "--", "true"]
    said = farm.process("render", "--run-id", "r", *command, code=2, preexec_fn=limit_files).err
    assert "the run cannot be written: File too large" in said
    assert os.listdir("runs") == []
    farm("render", "--run-id", "r", *command)
    farm.job(5)
    before = (farm.run() / "manifest.json").read_bytes()
    words = ("collect", "--in-place", "runs/r")
    said = farm.process(*words, code=2, preexec_fn=limit_files).err
    assert "the manifest could not be written: File too large" in said
    assert (farm.run() / "manifest.json").read_bytes() == before
    assert farm.check()["states"] == {"planned": 299, "succeeded": 1}


def test_a_start_record_that_could_not_be_written_is_tried_again(toys: Toys) -> None:
    farm = toys()
    record = farm.run() / "records" / "0" / "1.77.1700000000.abcdefabcdef.jsonl"
    record.write_bytes(b"")
    assert farm.check()["states"] == {"planned": 3, "unknown": 1}
    assert "may still run elsewhere, so not started: 1" in farm("run", "runs/r", code=1).err
    os.utime(record, (time.time() - 300, time.time() - 300))
    [bad] = farm.check(code=1)["bad"]
    assert (bad["state"], bad["cause"]) == ("failed", "setup")
    assert "its start record could not be written" in bad["evidence"]
    farm.process("run", "runs/r")
    assert farm.check()["succeeded"] == 4


def test_a_directory_that_may_not_be_written(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    farm.path.joinpath("runs").chmod(0o555)
    farm.run().chmod(0o555)
    may_not = farm.ordinary()
    for words, said in {
        ("render", "--run-id", "new", "--", "true"): "the run cannot be written",
        ("render", "--out-dir", "runs/r/x", "--", "true"): "the run cannot be written",
        ("collect", "--in-place", "runs/r"): "the run directory cannot be written",
        ("collect", "runs/r"): "have it written elsewhere (--out)",
        ("run", "runs/r"): "run the pool where the run directory can be written",
        ("resubmit", "runs/r"): "the run directory cannot be written",
    }.items():
        told = farm.process(*words, code=2, before=may_not).err
        assert said in told
        assert "Permission denied" in told
    refused = farm.process("render", "--check", "--", "true", code=1, before=may_not)
    assert f"BAD  not writable: {farm.path / 'runs'}" in refused.out
    assert "1 succeeded" in farm.process("check", "runs/r", before=may_not).out
    farm.process("collect", "--out", "mine.json", "runs/r", before=may_not)
    assert json.loads(Path("mine.json").read_text())["results"][0]["state"] == "succeeded"


def test_files_that_may_not_be_read(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    for path, said in {
        farm.run() / "manifest.json": "the manifest cannot be read: Permission denied",
        farm.run() / "plan" / "spec.json": "the plan cannot be read: Permission denied",
        farm.run() / "records" / "0": "Permission denied",
    }.items():
        mode = path.stat().st_mode
        path.chmod(0)
        told = farm.process("check", "runs/r", code=2, before=farm.ordinary()).err
        path.chmod(mode)
        assert said in told
        assert str(path) in told


def test_an_out_dir_that_is_a_file(farm: Farm) -> None:
    Path("file").touch()
    said = farm("render", "--out-dir", "file", "--", "true", code=2).err
    assert "this is not a directory" in said
    said = farm("render", "--out-dir", "file/runs", "--", "true", code=2).err
    assert "Not a directory" in said


def test_a_name_that_is_taken_is_not_touched(farm: Farm) -> None:
    Path("runs").mkdir()
    Path("runs/r").write_text("mine")
    said = farm("render", "--run-id", "r", "--", "true", code=2).err
    assert "nothing is ever overwritten" in said
    assert "--run-id" in said
    assert Path("runs/r").read_text() == "mine"


# --- records


def test_a_shard_run_twice_at_once_is_counted_once(toys: Toys) -> None:
    farm = toys()
    script = farm.run() / "shards" / "s1" / "batchScript.sh"
    twice = [subprocess.Popen(["bash", str(script)]) for _ in range(2)]
    assert [job.wait(timeout=30) for job in twice] == [0, 0]
    assert len(farm.attempts(1)) == 2
    farm.job(0, 2, 3)
    farm("collect", "--in-place", "runs/r")
    row = farm.manifest()["results"][1]
    assert len(row["attempts"]) == 2
    assert len(row["accepted_attempts"]) == 1
    assert "2 attempts are good, the first to end counts" in row["evidence"]
    words = "1 succeeded more than once (submitted twice?): of each the first to end counts\n"
    assert words in farm("check", "runs/r").err
    assert words not in farm("check", "runs/r/shards/s2").err
    farm("merge", "runs/r")
    assert (farm.run() / "merged.txt").read_text() == "".join(f"unit {i}\n" for i in range(4))


def test_strangers_among_the_records(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    folder = farm.run() / "records" / "0"
    (folder / "notes.txt").write_text("mine")
    (folder / "x.jsonl").write_text("mine")
    (folder / "99.1.1.a.jsonl").write_text("{}")
    (folder / "2.1.1.a.jsonl").write_bytes(b"\xff\x00garbage\n[]\n3\n")
    said = farm("collect", "--in-place", "runs/r")
    assert "2 files under records/ are not records" in said.err
    assert farm.check()["states"] == {"planned": 2, "succeeded": 1, "unknown": 1}


def test_a_torn_last_line_is_no_end(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    [record] = (farm.run() / "records" / "0").glob("0.*.jsonl")
    text = record.read_text()
    record.write_text(text[:-20])
    [bad] = farm.check(code=1)["bad"]
    assert (bad["state"], bad["cause"]) == ("lost", "vanished")
    assert "left no end record" in bad["evidence"]
    record.write_text(text)
    assert farm.check()["succeeded"] == 1


@pytest.mark.parametrize("lie", ["works, says it failed", "fails, says it worked"])
def test_mkdir_and_mv_that_lie(toys: Toys, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    farm = toys()
    doubles = farm.path / "doubles"
    doubles.mkdir()
    for name in ("mkdir", "mv"):
        real = f"/bin/{name}"
        text = f'#!/bin/sh\n{real} "$@"; exit 1\n' if "works" in lie else "#!/bin/sh\nexit 0\n"
        (doubles / name).write_text(text)
        (doubles / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(doubles), prepend=":")
    if "works" in lie:
        assert farm.job(0) == 0
        assert farm.check()["succeeded"] == 1
    else:
        assert farm.job(0) == 91
        [bad] = farm.check(code=1)["bad"]
        assert bad["cause"] == "setup"
        assert "cannot make the directory" in bad["evidence"]
