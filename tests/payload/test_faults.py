"""Hostile environments, lying file systems, full disks."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from .conftest import Run, sh, word

if TYPE_CHECKING:
    from pathlib import Path

BASH = "bash"
BUILTINS = "set unset read printf export mkdir stat exec trap exit eval kill wait local mapfile"
FUNCTIONS = {f"BASH_FUNC_{name}%%": "() { echo caught >&2; }" for name in BUILTINS.split()}


def double(run: Run, name: str, script: str) -> dict[str, str]:
    """Put a stand-in for a tool first on PATH."""
    path = run.path / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        (FUNCTIONS, "C"),
        ({"SHELLOPTS": "nounset:errexit:noglob:noclobber:posix:pipefail:allexport"}, "C"),
        ({"BASHOPTS": "nocasematch:failglob:xpg_echo:extdebug:lastpipe"}, "C"),
        ({"POSIXLY_CORRECT": "y", "FUNCNEST": "1", "TMOUT": "1", "GLOBIGNORE": "*"}, "C"),
        (
            {"IFS": "0123456789", "PS4": "$(exit 9)", "CDPATH": "/usr", "HOSTNAME": 'login"node'},
            "C",
        ),
        ({"LC_ALL": "de_DE.UTF-8", "LANG": "C"}, "de_DE.UTF-8"),
        ({"fh_child": "1", "fh_name": "x", "fh_pipe": "7", "fh_stop": ""}, "C"),
    ],
)
def test_a_hostile_environment_changes_nothing(run: Run, env: dict[str, str], shown: str) -> None:
    script = 'echo "$1|$LC_ALL|${POSIXLY_CORRECT-}"; printf 123 >o'
    (run.path / "plan").mkdir(parents=True)
    (run.path / "plan" / "in").write_text("12")
    run.write(
        argv=sh(script, '"${1}"'),
        rows=["'* a  b'"],
        inputs=[('"$FARMHAND_RUN"/plan/in', 2, "in")],
        outputs=[("o", "o", 3, True)],
    )
    process = run(env={"LC_ALL": "C"} | env, scheduler="slurm", native="1_2", restarts=1)
    assert process.returncode == 0, process.stderr
    assert "caught" not in process.stderr
    # With posix in SHELLOPTS bash itself sets the variable.
    posix = "y" if "posix" in env.get("SHELLOPTS", "") else env.get("POSIXLY_CORRECT", "")
    assert run.output() == f"* a  b|{shown}|{posix}\n"
    assert run.record()[0]["host"] == os.uname().nodename
    assert run.end()["exit_code"] == 0


def test_bash_env_that_spoils_the_shell(run: Run, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(
        "set -euf; shopt -s expand_aliases nullglob; IFS=:\n"
        "alias printf=false set=false trap=false\n"
        "unset EPOCHREALTIME; read() { echo caught >&2; }; umask 0777\n"
    )
    run.write(argv=sh("echo $LC_NUMERIC; umask"))
    env = {"BASH_ENV": str(tmp_path / "env"), "LC_NUMERIC": "de_DE.UTF-8"}
    process = run(env=env)
    assert (process.returncode, process.stderr) == (0, "")
    assert run.output() == "de_DE.UTF-8\n0077\n"
    start, end = run.record()
    assert start["pid_start"] > 0
    assert end["cpu_s"] is not None
    assert start["time"] == int(start["time"]), "whole seconds, as before bash 5"
    assert end["wall_s"] == int(end["wall_s"])


def test_user_functions_and_variables_pass_through(run: Run) -> None:
    run.write(argv=[BASH, "-c", word('module x; echo "$line $child $i"')])
    env = {"BASH_FUNC_module%%": "() { echo module $1; }", "line": "l", "child": "c", "i": "3"}
    assert run(env=env).returncode == 0
    assert run.output() == "module x\nl c 3\n"


def test_mkdir_that_succeeds_but_reports_failure(run: Run) -> None:
    run.write(argv=["pwd"])
    env = double(run, "mkdir", '/bin/mkdir "$@"; echo "mkdir: File exists" >&2; exit 1\n')
    assert run(env=env).returncode == 0
    assert run.output() == f"{run.attempt()}\n"


def test_mkdir_that_reports_success_but_does_nothing(run: Run) -> None:
    run.write(argv=sh("echo ran >$FARMHAND_RUN/ran"))
    process = run(env=double(run, "mkdir", "exit 0\n") | double(run, "sleep", "exit 0\n"))
    assert process.returncode == 91
    assert f"cannot make the directory {run.path}/shards/s0/" in process.stderr
    assert (run.end()["exit_code"], run.end()["cause"]) == (91, "setup")
    assert not (run.path / "ran").exists()


def test_mkdir_that_works_the_third_time(run: Run) -> None:
    run.write()
    script = 'echo x >>"$FARMHAND_RUN/tries"\n'
    script += '[ $(wc -l <"$FARMHAND_RUN/tries") -lt 3 ] || exec /bin/mkdir "$@"\n'
    env = double(run, "mkdir", script) | double(run, "sleep", "exit 0\n")
    assert run(env=env).returncode == 0
    assert (run.path / "tries").read_text() == "x\n" * 3


def test_stat_that_fails_is_stage_in(run: Run) -> None:
    run.path.mkdir()
    (run.path / "in").write_text("12")
    run.write(inputs=[('"$FARMHAND_RUN"/in', 2, "in")])
    assert run(env=double(run, "stat", "exit 1\n")).returncode == 92
    assert run.end()["note"] == "input in: unknown bytes, planned 2"


def test_no_records_directory_means_nothing_runs(run: Run) -> None:
    run.write(argv=sh("echo ran >$FARMHAND_RUN/ran"))
    (run.path / "records" / "0").rmdir()
    process = run()
    assert process.returncode == 91
    assert "cannot write the start record" in process.stderr
    assert not (run.path / "ran").exists()


def test_output_that_cannot_be_opened_is_setup(run: Run) -> None:
    run.write(argv=sh("echo ran >$FARMHAND_RUN/ran"))
    env = double(run, "mkdir", '/bin/mkdir "$@"; /bin/mkdir "$3/stderr"\n')
    process = run(env=env)
    assert process.returncode == 91
    assert "stderr: Is a directory" in process.stderr
    assert (run.end()["exit_code"], run.end()["cause"]) == (91, "setup")
    assert not (run.path / "ran").exists()


def test_an_end_record_that_cannot_be_written_is_94(run: Run) -> None:
    run.write(argv=sh('rm -r "$FARMHAND_RUN/records"; exit 3'))
    process = run(env=double(run, "sleep", "exit 0\n"))
    assert process.returncode == 94
    assert "cannot write the end record" in process.stderr
    assert "exit code 3" in process.stderr


def mounted(run: Run, command: list[str], size: str = "64k") -> subprocess.CompletedProcess[str]:
    """Run a command where RUN/records/0 is a small tmpfs (in a private mount namespace)."""
    script = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && "$@"; code=$?; '
    script += "cat records/0/*; exit $code"
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    words = [*space, "sh", "-c", script, "sh", size, f"{run.path}/records/0", *command]
    probe = subprocess.run([*space, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("no private mount namespace for a small tmpfs (needs root or user namespaces)")
    return subprocess.run(words, cwd=run.path, capture_output=True, text=True, check=False)


FILL = 'dd if=/dev/zero of="$FARMHAND_RUN/records/0/fill" bs=4k 2>/dev/null; '


def test_full_disk_at_the_start_runs_nothing(run: Run) -> None:
    run.write(argv=sh("echo ran >$FARMHAND_RUN/ran"))
    fill = 'dd if=/dev/zero of=records/0/.fill bs=4k 2>/dev/null; exec "$@"'
    process = mounted(run, ["sh", "-c", fill, "sh", *run.call()])
    assert process.returncode == 91
    assert "cannot write the start record" in process.stderr
    assert not (run.path / "ran").exists()


def test_full_disk_at_the_end_closes_the_broken_line_and_writes_it_whole(run: Run) -> None:
    """The record's page has room left for half a line; the sleep between tries makes room."""
    pad = 'for f in "$FARMHAND_RUN"/records/0/*; do '
    pad += 'head -c $((4096 - 40 - $(wc -c <"$f"))) /dev/zero | tr "\\0" " " >>"$f"; '
    pad += 'echo >>"$f"; done; '
    fill = 'dd if=/dev/zero of="$FARMHAND_RUN/records/0/.fill" bs=4k 2>/dev/null; exit 0'
    run.write(argv=sh(pad + fill))
    double(run, "sleep", 'rm -f "$FARMHAND_RUN/records/0/.fill"\n')
    call = ["env", f"PATH={run.path}/bin:{os.environ['PATH']}", *run.call()]
    process = mounted(run, call)
    assert process.returncode == 0, process.stderr
    assert "No space left on device" in process.stderr
    lines = [line for line in process.stdout.splitlines() if line.strip()]
    assert len(lines) == 3
    assert lines[1].startswith('{"event":"end","time":')
    assert not lines[1].endswith("}")
    assert '"exit_code":0,"cause":null' in lines[2]


def test_full_disk_for_good_is_94(run: Run) -> None:
    pad = 'for f in "$FARMHAND_RUN"/records/0/*; do '
    pad += 'head -c $((4096 - $(wc -c <"$f"))) /dev/zero >>"$f"; done; '
    run.write(argv=sh(pad + FILL + "exit 3"))
    double(run, "sleep", "exit 0\n")
    process = mounted(run, ["env", f"PATH={run.path}/bin:{os.environ['PATH']}", *run.call()])
    assert process.returncode == 94
    assert "collect will not know how it ended" in process.stderr
