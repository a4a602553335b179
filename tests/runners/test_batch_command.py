"""The batch command: what it says is read for a job's id, and nothing it does holds us up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.batch_command import judge, run_batch


@pytest.fixture
def chunk(tmp_path: Path) -> Path:
    folder = tmp_path / "a b'c $HOME"
    folder.mkdir()
    (folder / "batchScript.sh").write_text("#!/bin/bash\necho ran\n")
    return folder


@pytest.mark.parametrize(
    ("out", "job"),
    [
        ("Job <123> is submitted to queue <1nh>.", "123"),
        ("Job <123> is submitted to default queue <normal>.\n", "123"),
        ("Submitted batch job 77\n", "77"),
        ("Submitting job(s).\n1 job(s) submitted to cluster 12.\n", "12"),
        ("12.0 - 12.0\n", "12"),
        ("4711\n", "4711"),
        ("4711;mycluster\n", "4711;mycluster"),
        ("55.pbs-server.example.org\n", "55.pbs-server.example.org"),
        ('Your job 9 ("x.sh") has been submitted', "9"),
        ("welcome\n\n 31415 \n", "31415"),
        ("", None),
        ("42 chickens", None),
        ("Job <x> is submitted", None),
        ("Job<7> is submitted", None),
        ("3.14", None),
        ("١٢٣", None),
    ],
)  # fmt: skip
def test_the_id_of_the_job(out: str, job: str | None) -> None:
    said = judge(0, out, "")
    assert (said.outcome, said.job) == ("submitted", job)


@pytest.mark.parametrize(
    ("code", "out", "err", "outcome", "text"),
    [
        (255, "", "1nx: No such queue. Job not submitted.\nbye", "refused",
         "exit code 255: 1nx: No such queue. Job not submitted."),
        (1, "on stdout", "", "refused", "exit code 1: on stdout"),
        (3, "", "", "refused", "exit code 3, and it said nothing"),
        (127, "", "sh: bsub: not found", "refused", "exit code 127: sh: bsub: not found"),
        (-9, "", "", "doubtful", "ended by signal 9, and it said nothing"),
        (137, "", "", "doubtful", "ended by signal 9, and it said nothing"),
        (None, "", "LSF is down. Please wait ...", "doubtful",
         "no answer within 5 s; it said: LSF is down. Please wait ..."),
        (1, "Job <9> is submitted to queue <q>.", "later trouble", "submitted",
         "Job <9> is submitted to queue <q>."),
        (None, "Job <9> is submitted to queue <q>.\n<<Waiting for dispatch ...>>", "",
         "submitted", "Job <9> is submitted to queue <q>."),
        (1, "4711", "", "refused", "exit code 1: 4711"),
        (0, "", "nohup: ignoring input", "submitted", ""),
        (0, "\x1b[31mred", "", "submitted", " [31mred"),
    ],
)  # fmt: skip
def test_what_became_of_it(code: int | None, out: str, err: str, outcome: str, text: str) -> None:
    said = judge(code, out, err, 5.0)
    assert (said.outcome, said.text) == (outcome, text)


@given(st.none() | st.integers(-64, 255), st.text(), st.text())
def test_no_answer_is_too_odd(code: int | None, out: str, err: str) -> None:
    said = judge(code, out, err, 1.0)
    assert said.text.isprintable()
    assert len(said.text) <= 300
    assert said.job is None or said.job.isascii()
    if said.outcome == "submitted":
        assert code == 0 or said.job is not None


@given(st.integers(0, 10**18 - 1), st.text(alphabet=st.characters(exclude_characters="\r\n")))
def test_a_job_that_was_named_is_found_among_chatter(number: int, noise: str) -> None:
    lines = f"x {noise}\nJob <{number}> is submitted to queue <q>.\ny {noise}\n"
    assert judge(0, lines, noise).job == str(number)


def test_it_runs_in_the_chunks_directory_with_the_script_on_stdin(chunk: Path) -> None:
    said = run_batch("pwd >where; cat >seen; echo 17", str(chunk), 20)
    assert (said.outcome, said.job, said.code) == ("submitted", "17", 0)
    assert (chunk / "where").read_text() == f"{chunk}\n"
    assert (chunk / "seen").read_text() == (chunk / "batchScript.sh").read_text()
    said = run_batch("cat <batchScript.sh >seen; cat >rest", str(chunk), 20)
    assert (chunk / "seen").read_text() == (chunk / "rest").read_text()


def test_a_background_process_is_not_waited_for_and_goes_on(chunk: Path) -> None:
    start = time.monotonic()
    said = run_batch("(echo early; sleep 600; echo late) & echo $!", str(chunk), 100)
    assert time.monotonic() - start < 60
    assert said.job is not None
    pid = int(said.job)
    try:
        assert os.getsid(pid) != os.getsid(0)
        os.kill(pid, 0)
    finally:
        os.killpg(os.getpgid(pid), signal.SIGKILL)


def test_what_hangs_is_ended_with_all_it_started(chunk: Path) -> None:
    said = run_batch("echo hello; echo $$ >leader; sleep 600 | sleep 600", str(chunk), 0.3)
    assert (said.outcome, said.code, said.hopeless) == ("doubtful", None, True)
    assert said.text == "no answer within 0.3 s; it said: hello"
    group = int((chunk / "leader").read_text())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not living(group):
            return
        time.sleep(0.02)
    raise AssertionError("something of it is left")


def living(group: int) -> list[str]:
    """Return the members of a group; the dead may stay until who adopted them reaps them."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text(encoding="utf-8")
        except OSError:
            continue
        state, _, leader = stat.rpartition(")")[2].split()[:3]  # proc_pid_stat(5)
        if leader == str(group) and state != "Z":
            found.append(name)
    return found


def test_a_chunk_without_a_script_is_refused(tmp_path: Path) -> None:
    said = run_batch("echo 17", str(tmp_path), 20)
    assert (said.outcome, said.job) == ("refused", None)
    assert said.text == "no batchScript.sh here: No such file or directory"


def test_much_output_and_bytes_that_are_no_text(chunk: Path) -> None:
    said = run_batch("head -c 3000000 /dev/zero; echo; echo 5", str(chunk), 60)
    assert (said.outcome, said.job) == ("submitted", None)
    said = run_batch(r"printf '\377\376 Job <8> is submitted\n'", str(chunk), 60)
    assert said.job == "8"
