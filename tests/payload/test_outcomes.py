"""What the record and the exit code say about a command that ran, or could not."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PLAN, RUN_UUID, Run, gone, sh, until, word


def test_success_writes_both_records_as_the_contract_says(run: Run) -> None:
    run.write(argv=["echo", '"${1}"'], rows=["", "'two words'"])
    process = run(1, native="77_1", scheduler="local", restarts=2)
    start, end = run.record(1)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert run.output(1) == "two words\n"
    assert list(start) == [
        *("v", "event", "run", "plan", "submission", "shard", "name", "attempt", "native_id"),
        *("scheduler", "restarts", "host", "pid", "pid_start", "boot", "time", "dir"),
    ]
    fixed = {"v": 1, "run": RUN_UUID, "plan": PLAN, "submission": 1, "shard": 1, "name": "s1"}
    assert start.items() >= (fixed | {"native_id": "77_1", "restarts": 2}).items()
    assert start["host"] == socket.gethostname()
    assert start["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert re.fullmatch(r"77_1\.\d{10}\.[0-9a-f]{12}", start["attempt"])
    assert start["dir"] == f"shards/s1/{start['attempt']}"
    assert start["pid"] > 0
    assert start["pid_start"] > 0
    assert list(end) == [
        *("event", "time", "exit_code", "cause", "stopped_by", "warned", "wall_s", "cpu_s"),
        *("peak", "note"),
    ]
    assert [end[key] for key in ("exit_code", "cause", "stopped_by", "warned")] == [0, *[None] * 3]
    assert start["time"] < end["time"]
    assert 0 < end["wall_s"] <= end["time"] - start["time"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", 3),
        ("exit 91", 91),
        ("exit 126", 126),
        ("exit 127", 127),
        ("exit 255", 255),
        ("kill -SEGV $$", 139),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
    ],
)
def test_a_command_that_fails_keeps_its_own_code(run: Run, script: str, code: int) -> None:
    run.write(argv=sh(script), outputs=[("result", "out.json", 1, True)])
    process = run()
    assert (process.returncode, run.end()["exit_code"]) == (code, code)
    assert (run.end()["cause"], run.end()["stopped_by"], run.end()["note"]) == (None, None, None)
    assert process.stderr == "", "bash's own 'Segmentation fault' is noise in the log"


@pytest.mark.parametrize(
    ("command", "code", "note"),
    [
        ("no-such-command", 127, "no-such-command: not found"),
        ("/no/such/command", 127, "/no/such/command: No such file or directory"),
        ("./plain", 126, "plain: cannot execute: Permission denied"),
        ("/tmp", 126, "/tmp: cannot execute: Is a directory"),
        ("''", 127, ": not found"),
    ],
)
def test_a_command_that_cannot_be_started_is_setup(
    run: Run, command: str, code: int, note: str
) -> None:
    run.path.mkdir()
    (run.path / "plain").write_text("")
    run.write(argv=[command], workdir=word(str(run.path)))
    assert run(env={"LC_ALL": "C"}).returncode == code
    assert (run.end()["exit_code"], run.end()["cause"]) == (code, "setup")
    assert note in run.end()["note"]


def test_a_script_without_shebang_runs(run: Run) -> None:
    run.path.mkdir()
    (run.path / "plain").write_text("echo $1; exit 5\n")
    (run.path / "plain").chmod(0o755)
    run.write(argv=[word(str(run.path / "plain")), "x"])
    assert run().returncode == 5
    assert run.output() == "x\n"


@pytest.mark.parametrize(
    ("script", "least", "required", "note"),
    [
        ("true", 0, True, "output result: out.json is missing"),
        ("printf 123456789 >out.json", 10, True, "out.json has 9 bytes, at least 10 are wanted"),
        ("printf 123456789 >out.json", 10, False, "out.json has 9 bytes"),
        ("printf 0123456789 >out.json", 10, True, None),
        (": >out.json", 0, True, None),
        ("true", 10, False, None),
    ],
)
def test_outputs_are_looked_at_after_exit_0(
    run: Run, script: str, least: int, required: bool, note: str | None
) -> None:
    first = ("log", '"$FARMHAND_ATTEMPT"/stdout', 0, True)
    run.write(
        argv=sh(script),
        outputs=[first, ("result", '"$FARMHAND_ATTEMPT"/out.json', least, required)],
    )
    end_code = 93 if note else 0
    assert run().returncode == end_code
    assert run.end()["exit_code"] == end_code
    assert run.end()["cause"] == ("bad_output" if note else None)
    assert (note or "") in (run.end()["note"] or "")


def test_sizes_meet_the_output_they_belong_to(run: Run) -> None:
    outputs = [("a", "a", 5, True), ("b", "b", 0, True), ("c", "c", 3, False), ("d", "d", 9, True)]
    run.write(argv=sh("echo 1234 >a; : >b; printf 12345678 >d"), outputs=outputs)
    assert run().returncode == 93
    assert run.end()["note"] == "output d: d has 8 bytes, at least 9 are wanted"


@pytest.mark.parametrize("change", ["longer", "missing", "swapped"])
def test_changed_inputs_are_stage_in_and_nothing_runs(run: Run, change: str) -> None:
    stage = run.path / "plan" / "stage"
    stage.mkdir(parents=True)
    (stage / "a b.json").write_text("{}")
    (stage / "-n\nx").write_text("four")
    inputs = [
        (f'"$FARMHAND_RUN"/plan/stage/{word(name)}', size, word(name))
        for name, size in [("a b.json", 2), ("-n\nx", 4)]
    ]
    run.write(argv=sh("echo ran >>$FARMHAND_RUN/ran"), inputs=inputs)
    assert run(0).returncode == 0
    if change == "longer":
        (stage / "-n\nx").write_text("fives")
    elif change == "missing":
        (stage / "-n\nx").unlink()
    else:
        (stage / "-n\nx").write_text("22")
        (stage / "a b.json").write_text("4444")
    assert run(1).returncode == 92
    end = run.end(1)
    assert (end["exit_code"], end["cause"]) == (92, "stage_in")
    assert (
        end["note"]
        == {
            "longer": "input -n\nx: 5 bytes, planned 4",
            "missing": "input -n\nx: missing or not readable, planned 4 bytes",
            "swapped": "input a b.json: 4 bytes, planned 2",
        }[change]
    )
    assert (run.path / "ran").read_text() == "ran\n"


def test_inputs_may_be_named_by_the_block_line(run: Run) -> None:
    run.path.mkdir()
    (run.path / "chunk").write_text("123")
    inputs = [('"$FARMHAND_RUN"/"${1}"', 3, '"${1}"')]
    run.write(inputs=inputs, rows=["chunk", "other"])
    assert [run(0).returncode, run(1).returncode] == [0, 92]
    assert "input other: missing" in run.end(1)["note"]


def test_a_plan_rendered_anew_refuses_old_jobs(run: Run) -> None:
    run.write(argv=sh("echo ran >$FARMHAND_RUN/ran"))
    process = run(0, 2, plan="b" * 64)
    assert process.returncode == 90
    assert "a" * 64 in process.stderr
    assert "b" * 64 in process.stderr
    assert "submit the scripts that belong to this plan" in process.stderr
    for shard in (0, 2):
        start, end = run.record(shard)
        assert (start["plan"], end["exit_code"], end["cause"]) == ("b" * 64, 90, "setup")
    assert not (run.path / "ran").exists()


@pytest.mark.parametrize(
    ("damage", "say"),
    [
        (lambda plan: (plan / "id").unlink(), "cannot read plan/id"),
        (lambda plan: (plan / "id").write_text(""), "cannot read plan/id"),
        (lambda plan: (plan / "args" / "0").unlink(), "no usable line for shard 1"),
        (lambda plan: (plan / "args" / "0").write_text("s0 0 1 1\n"), "no usable line for shard 1"),
        (lambda plan: (plan / "args" / "0").write_text("\ns1 'un"), "no usable line for shard 1"),
    ],
)
def test_a_damaged_plan_is_setup(run: Run, damage: object, say: str) -> None:
    run.write()
    assert callable(damage)
    damage(run.path / "plan")
    process = run(1)
    assert process.returncode == 91
    assert say in process.stderr
    assert (run.end(1)["exit_code"], run.end(1)["cause"]) == (91, "setup")
    assert say in run.end(1)["note"]


def test_a_plan_id_without_newline_is_read(run: Run) -> None:
    run.write()
    (run.path / "plan" / "id").write_text(PLAN)
    assert run().returncode == 0


@pytest.mark.parametrize(
    ("call", "say"),
    [
        (["bash", "{}", PLAN, "1", "local", "-", "0", "0"], "6 arguments, at least 7"),
        (["bash", "{}", PLAN, "1", "local", "-", "0", "0", "x"], "'x' is not a whole number"),
        (["bash", "{}", PLAN, "1", "local", "-", "0", "0", "3"], "there is no shard 3"),
        (["bash", "{}", PLAN, "1", "local", "-", "", "0", "0"], "'' is not a whole number"),
        (["bash", "{}", PLAN, "1", "local", "-", "0", "4h", "0"], "'4h' is not a whole number"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run: Run, call: list[str], say: str) -> None:
    run.write()
    words = [text.format(run.script) for text in call]
    process = subprocess.run(words, capture_output=True, text=True, check=False)
    assert process.returncode == 91
    assert say in process.stderr
    assert "usage: bash RUN/plan/shard.sh" in process.stderr
    assert run.records() == []


def test_indexes_with_leading_zeros_are_decimal(run: Run) -> None:
    run.write(total=12)
    run.total = 12
    run.write()
    assert run("08").returncode == 0
    assert run.end(8)["exit_code"] == 0


def test_the_script_is_found_by_a_relative_name(run: Run) -> None:
    run.write(argv=["printenv", "FARMHAND_RUN"])
    words = run.call()
    for name, cwd in [("plan/shard.sh", run.path), ("run dir 'é/plan/shard.sh", run.path.parent)]:
        words[1] = name
        assert subprocess.run(words, cwd=cwd, check=False).returncode == 0
    texts = [p.read_text() for p in (run.path / "shards/s0").glob("*/stdout")]
    assert texts == [f"{run.path}\n"] * 2


def test_above_1000_shards_directories_go_by_block(run: Run) -> None:
    run.total = 1002
    run.write(nested=True, argv=["echo", '"${1}"'], rows=[f"w{i}" for i in range(1002)])
    assert run(1001, 999).returncode == 0
    assert run.record(1001)[0]["dir"].startswith("shards/1/s1001/")
    assert [run.output(1001), run.output(999)] == ["w1001\n", "w999\n"]


def test_what_the_command_sees(run: Run) -> None:
    run.write(
        argv=[
            word(sys.executable),
            "-c",
            word("import os,json;print(json.dumps(dict(os.environ)))"),
        ],
        threads="cpus",
        cpus=4,
        env=[("MINE", word("a b\n$c")), ("MKL_NUM_THREADS", "7"), ("FROM_WORD", '"${1}"')],
        rows=["", "", "'wo rd'"],
    )
    outer = {"FARMHAND_SHARD_INDEX": "9", "FARMHAND_OLD": "x", "LC_ALL": "C.UTF-8", "TMP_X": "1"}
    assert run(2, env=outer).returncode == 0
    seen = json.loads(run.output(2))
    attempt = str(run.attempt(2))
    assert {k: v for k, v in seen.items() if k.startswith("FARMHAND_")} == {
        "FARMHAND_RUN": str(run.path),
        "FARMHAND_ATTEMPT": attempt,
        "FARMHAND_SHARD_INDEX": "2",
        "FARMHAND_SHARD_TOTAL": "3",
        "FARMHAND_SHARD_NAME": "s2",
        "FARMHAND_SHARD_START": "20",
        "FARMHAND_SHARD_SIZE": "10",
        "FARMHAND_SHARD_SEED": "62",
        "FARMHAND_SUBMISSION": "1",
        "FARMHAND_CPUS": "4",
        "FARMHAND_ITEMS": attempt + "/items",
        "FARMHAND_LEDGER": attempt + "/ledger",
    }
    threads = ["OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS"]
    assert [seen[f"{name}_NUM_THREADS"] for name in threads] == ["4", "4", "7", "4", "4"]
    assert seen["VECLIB_MAXIMUM_THREADS"] == "4"
    assert (seen["MINE"], seen["FROM_WORD"], seen["LC_ALL"]) == ("a b\n$c", "wo rd", "C.UTF-8")
    assert seen["PWD"] == attempt
    changed = {k for k in seen.keys() | os.environ.keys() if seen.get(k) != os.environ.get(k)}
    ours = re.compile(
        r"FARMHAND_.*|.*_NUM_THREADS|VECLIB_MAXIMUM_THREADS|MINE|FROM_WORD|LC_ALL|TMP_X|PWD|OLDPWD|SHLVL|_"
    )
    assert [k for k in changed if not ours.fullmatch(k)] == []


def test_stdin_is_empty_and_output_stays_in_the_attempt(run: Run) -> None:
    run.write(argv=sh("cat; echo out; echo err >&2"))
    process = run(stdin="not for the command\n")
    assert (process.stdout, process.stderr) == ("", "")
    assert (run.output(), run.output(name="stderr")) == ("out\n", "err\n")


def test_no_descriptor_of_ours_reaches_the_command(run: Run) -> None:
    run.write(
        argv=[word(sys.executable), "-c", word("import os; print(os.listdir('/proc/self/fd'))")]
    )
    assert run(scheduler="slurm", walltime=60).returncode == 0
    assert run.output() == "['0', '1', '2', '3']\n"


def test_processor_time_is_the_commands_own(run: Run) -> None:
    spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    run.write(argv=sh(f"if [ $FARMHAND_SHARD_INDEX = 0 ]; then (:; {spin}); fi"))
    assert run(0, 1).returncode == 0
    assert run.end(0)["cpu_s"] > 0.03
    assert run.end(0)["cpu_s"] <= run.end(0)["wall_s"] + 0.05
    assert run.end(1)["cpu_s"] < 0.03


PROLOGUES = {
    "false tests": "[ -n '' ]\nfalse; unset nothing; : $nothing\nsource /dev/null",
    "quotes": "export X='it'\"'\"'s' # it's",
    "here": "cat >/dev/null <<'E'\n$( ' \nE",
    "declare": "declare -x Y=1; local z=3 2>/dev/null",
    "options": "set -eu; shopt -s nullglob; set -- p q; IFS=x; cd /",
    "comment": "# nothing",
    "trap": "trap 'echo bye' EXIT",
}


@pytest.mark.parametrize("name", PROLOGUES)
def test_prologues_that_are_fine(run: Run, name: str) -> None:
    argv = ["sh", "-c", word('echo "$1.$X.$Y"'), "sh", '"${1}"']
    run.write(argv=argv, prologue=PROLOGUES[name], rows=["'a  b'"])
    assert run().returncode == 0
    more = {"quotes": ".it's.", "declare": "..1"}.get(name, "..")
    assert run.output() == f"a  b{more}\n"


@pytest.mark.parametrize(
    ("prologue", "said"),
    [
        ("echo before; exit 0", "the prologue ended with code 0"),
        ("exit 7", "the prologue ended with code 7"),
        ("set -e; false", "the prologue ended with code 1"),
        ("kill -KILL $BASHPID", "the prologue ended with code 137"),
        ("exec true", "the prologue ended with code 0"),
        ('touch "$FARMHAND_RUN/half"\nif true; then', "could not be set up"),
    ],
)
def test_prologues_that_end_are_setup(run: Run, prologue: str, said: str) -> None:
    run.write(argv=sh("echo ran"), prologue=prologue)
    process = run()
    assert process.returncode == 91
    assert (run.end()["exit_code"], run.end()["cause"]) == (91, "setup")
    assert said in run.end()["note"]
    assert "ran" not in run.output()
    assert not (run.path / "half").exists()


def test_the_prologue_gets_no_arguments_and_can_set_path(run: Run) -> None:
    bin_dir = run.path / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "tool").write_text("#!/bin/sh\necho tool $COUNT\n")
    (bin_dir / "tool").chmod(0o755)
    run.write(argv=["tool"], prologue="PATH=$FARMHAND_RUN/bin:$PATH\nexport COUNT=$#", rows=["a b"])
    assert run().returncode == 0
    assert run.output() == "tool 0\n"


def test_workdir(run: Run) -> None:
    run.write(argv=["pwd"], workdir='"$FARMHAND_RUN"/"${1}"', rows=["plan", "missing"])
    assert run(0).returncode == 0
    assert run.output() == f"{run.path}/plan\n"
    assert run(1).returncode == 91
    assert run.end(1)["cause"] == "setup"
    assert run.end(1)["note"] == f"cannot enter the work directory {run.path}/missing"


def test_what_the_command_leaves_in_its_group_is_killed(run: Run) -> None:
    run.write(argv=sh("sleep 60 & echo $!"))
    assert run().returncode == 0
    pid = int(run.output())
    until(lambda: gone(pid))
