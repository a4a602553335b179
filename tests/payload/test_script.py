"""The rendered text: golden, clean, and what it keeps off the hot path.

The golden file is one whole rendered script. To write it anew after a change to the template:
``FARMHAND_GOLDEN=write pytest tests/payload/test_script.py`` (which then fails, so that it is
looked at), and read the difference before committing it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, render

GOLDEN = Path(__file__).parent / "golden" / "shard.sh"
FULL: dict[str, Any] = {
    "run_id": "toys-20240102",
    "total": 12000,
    "nested": True,
    "threads": "cpus",
    "cpus": 4,
    "argv": [
        *("nextstat", "unbinned-fit-toys", "--config"),
        "\"$FARMHAND_RUN\"'/plan/stage/specs/spec.json'",
        *("--n-toys", '"${1}"', "--seed", '"${2}"', "--note", "'it'\"'\"'s 100 % {# fine #}'"),
        *("--output", "\"$FARMHAND_ATTEMPT\"'/out.json'"),
    ],
    "env": [("DATA", "'/data/set 1'"), ("CHUNK", '"${1}"')],
    "prologue": "source '/opt/setup.sh' x64\n# it's set up\n",
    "workdir": "\"$FARMHAND_ATTEMPT\"'/.'",
    "inputs": [
        ("\"$FARMHAND_RUN\"'/plan/stage/specs/spec.json'", 1234, "specs/spec.json"),
        ("'/data/set 1/x.root'", 0, "'/data/set 1/x.root'"),
    ],
    "files": True,
    "items": True,
    "ledger": True,
    "outputs": [
        ("result", "\"$FARMHAND_ATTEMPT\"'/out.json'", 100, True),
        ("log", "\"$FARMHAND_ATTEMPT\"'/log'", 0, False),
    ],
    "stop_signal": "INT",
    "kill_after": 10,
}
PLAIN: dict[str, Any] = {}


def test_golden() -> None:
    text = render(**FULL)
    if os.environ.get("FARMHAND_GOLDEN") == "write":
        GOLDEN.write_text(text)
        pytest.fail(f"{GOLDEN} written: read it, then run again without FARMHAND_GOLDEN")
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize("context", [FULL, PLAIN], ids=["full", "plain"])
def test_shellcheck(context: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "shard.sh"
    script.write_text(render(**context))
    checker = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([checker, script], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("context", [FULL, PLAIN], ids=["full", "plain"])
def test_nothing_that_old_shells_lack_and_no_command_substitution(context: dict[str, Any]) -> None:
    code = [line for line in render(**context).splitlines() if not line.lstrip().startswith("#")]
    too_new = r"\$\([^(]|`|wait -n|mapfile -d|\$\{[^}]*@[A-Za-z]\}|EPOCHSECONDS|SRANDOM|BASHPID"
    assert [line for line in code if re.search(too_new, line)] == []
    assert not any(line != line.rstrip() for line in code)


def test_two_children_and_one_exec_of_a_tool_on_the_hot_path(run: Run) -> None:
    """Without inputs, sizes and walltime: mkdir, the keeper, the command."""
    run.write(argv=["sh", "-c", "'echo $PPID $$'"], outputs=[("out", "stdout", 0, True)])
    trace = run.path / "trace"
    probe = ["strace", "-f", "-qq", "-e", "trace=execve,clone,fork,vfork,clone3", "-o", str(trace)]
    try:
        done = subprocess.run([*probe, *run.call()], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    assert done.returncode == 0
    lines = trace.read_text().splitlines()
    started = [line for line in lines if re.search(r"execve\(.*= 0$", line)]
    forked = [line for line in lines if re.search(r"(clone|fork)\w*\(", line)]
    assert [re.search(r'execve\("[^"]*/(\w+)"', line).group(1) for line in started] == [  # type: ignore[union-attr]
        *("bash", "mkdir", "sh"),
    ]
    assert len(forked) == 3
