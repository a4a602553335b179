import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runners.command import CommandResult, run_command


def bash(text: str, cwd: Path, timeout_s: float = 20, env: Any = None) -> CommandResult:
    return run_command(["bash", "-c", text], str(cwd), env, timeout_s)


@pytest.mark.parametrize(
    ("text", "code", "tail"),
    [
        ("echo fine; echo last >&2; echo; echo '  '", 0, "last"),
        ("echo no; exit 3", 3, "no"),
        ("kill -SEGV $$", 139, ""),
        ("printf 'a\\nb\\xff'", 0, "b\ufffd"),
        ("printf '%600s' x | tr ' ' y", 0, "y" * 500),
        ("seq 100000", 0, "100000"),
        ("echo kept; printf '%20000s\\n'", 0, "kept"),
    ],
)
def test_code_and_last_line(tmp_path: Path, text: str, code: int, tail: str) -> None:
    assert bash(text, tmp_path) == CommandResult(code, tail)


def test_directory_and_variables_reach_the_command_and_no_shell_does(tmp_path: Path) -> None:
    assert bash('echo "$PWD $ADDED ${HOME:+home}"', tmp_path, env={"ADDED": "x y"}) == (
        CommandResult(0, f"{tmp_path} x y home")
    )
    literal = "$(touch made) `touch made` ; *"
    assert run_command(["echo", literal], str(tmp_path), None, 20).tail == literal
    assert os.listdir(tmp_path) == []


def test_when_time_runs_out_the_whole_group_is_killed(tmp_path: Path, until: Any) -> None:
    text = "trap '' TERM; sleep 60 & echo $! >child; echo begun; wait; sleep 60"
    assert bash(text, tmp_path, timeout_s=0.4) == CommandResult(None, "begun")
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    until(lambda: not running(child), "the end of the grandchild")


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rsplit(") ", 1)[1][0] not in "ZX"


def test_a_command_that_closed_its_output_is_still_waited_for(tmp_path: Path) -> None:
    assert bash("echo said; exec >&- 2>&-; sleep 0.2; exit 4", tmp_path) == CommandResult(4, "said")


def test_a_command_that_closed_its_output_has_no_more_time_for_it(tmp_path: Path) -> None:
    assert bash("echo said; exec >&- 2>&-; sleep 60", tmp_path, 0.3) == CommandResult(None, "said")


def test_a_daemon_that_keeps_the_pipe_open_is_not_waited_for(tmp_path: Path) -> None:
    result = bash("setsid sleep 60 & echo $! >daemon; echo done", tmp_path, timeout_s=3600)
    assert result == CommandResult(0, "done")
    os.kill(int((tmp_path / "daemon").read_text(encoding="utf-8")), signal.SIGKILL)


def test_what_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("echo x\n", encoding="utf-8")
    lost = tmp_path / "lost"
    lost.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    lost.chmod(0o755)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\0\0\0\0")
    binary.chmod(0o755)

    def tried(program: str, cwd: Path = tmp_path) -> CommandResult:
        return run_command([program], str(cwd), None, 20)

    assert tried("no-such-command") == CommandResult(
        127, "the command 'no-such-command' was not found on PATH"
    )
    assert tried("/no/such") == CommandResult(127, "the command '/no/such' was not found")
    assert tried(str(plain)) == CommandResult(126, f"the command '{plain}' may not be executed")
    assert tried(str(lost)) == CommandResult(127, f"the interpreter of '{lost}' was not found")
    assert tried(str(binary)).code == 126
    assert "Exec format error" in tried(str(binary)).tail
    assert tried("true", tmp_path / "gone") == CommandResult(
        127, f"the directory '{tmp_path / 'gone'}' does not exist"
    )
