"""SLURM's commands as they really answer, and stand-ins for commands that fail or hang."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import UserError
from runners import slurm as asking
from runners import slurm_site
from runners.asked import Answer, ask
from runners.sbatch import Submitted, submit

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

REPO = Path(__file__).resolve().parents[2]
SCRIPT = "#!/bin/bash\n#SBATCH --job-name=asked.1\n#SBATCH --output=/dev/null\n{more}sleep 1\n"

StandIn = Callable[[str, str], Path]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put a bash script on PATH as a command; $CALLS is a directory for what it was called with."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    calls.mkdir()
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(calls))

    def make(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return calls

    return make


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "job.sh"
    path.write_text(SCRIPT.format(more=""), encoding="utf-8")
    return str(path)


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rsplit(") ", 1)[1][0] not in "ZX"


def test_a_command_that_is_not_installed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = "is not installed here (not on PATH)"
    assert asking.sacct(["JobID"], jobs=[1]) == Answer(None, f"sacct {missing}")
    assert asking.squeue("JobID", jobs=[1]) == Answer(None, f"squeue {missing}")
    assert slurm_site.show_config() == Answer(None, f"scontrol {missing}")
    assert slurm_site.show_partitions() == Answer(None, f"sinfo {missing}")
    assert submit(script) == Submitted("unreachable", text=f"sbatch {missing}")


def test_a_command_that_hangs_is_ended_with_all_it_started(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    monkeypatch.setenv(asking.TIMEOUT_VARIABLE, "0.5")
    text = "trap '' TERM; sleep 600 & echo $! >$CALLS/child; echo 'squeue: error: why' >&2; wait"
    calls = stand_in("squeue", text)
    problem = "squeue did not answer within 0.5 s (it said: why)"
    assert asking.squeue("JobID", jobs=[1]) == Answer(None, problem)
    child = int((calls / "child").read_text(encoding="utf-8"))
    until(lambda: not running(child), "the end of what the command started")


@pytest.mark.parametrize("text", ["soon", "-1", "0", "1e3", "5 s"])
def test_a_time_limit_that_is_no_number_is_the_users_error(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(asking.TIMEOUT_VARIABLE, text)
    with pytest.raises(UserError, match=asking.TIMEOUT_VARIABLE):
        asking.scheduler_timeout()


def test_what_a_command_left_behind_does_not_hide_its_answer(stand_in: StandIn) -> None:
    stand_in("early", "setsid sleep 600 & echo $!; exit 3")
    asked = ask(["early"], 1.0)
    os.kill(int(asked.out), signal.SIGKILL)
    assert (asked.code, asked.problem) == (3, None)


def test_bytes_that_are_no_text_are_replaced(stand_in: StandIn) -> None:
    stand_in("squeue", r"printf 'a\xffb\n'; printf 'c\xff' >&2")
    assert asking.squeue("JobID", jobs=[1]) == Answer("a\ufffdb\n")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("exit 3", "squeue ended with exit code 3 and said nothing"),
        ("kill -KILL $$", "squeue was ended by signal 9"),
        # What is said first is the cause, what is said last is the conclusion.
        ("echo 'squeue: error: first' >&2; echo 'squeue: fatal: last' >&2; exit 1", "squeue: last"),
        ("echo odd >&2; exit 1", "squeue: odd"),
        ("echo 'squeue: error: Invalid user: 7' >&2", "squeue: Invalid user: 7"),
        (r"printf '\033[31mred\n' >&2; exit 1", "squeue:  [31mred"),
    ],
)
def test_a_command_that_fails_gives_its_own_words(
    stand_in: StandIn, said: str, problem: str
) -> None:
    stand_in("squeue", said)
    assert asking.squeue("JobID", jobs=[1]) == Answer(None, problem)


def test_an_error_beside_an_answer_does_not_take_it_away(stand_in: StandIn) -> None:
    stand_in("sacct", "echo 'sacct: error: a key that nobody knows' >&2; echo JobID; echo 7")
    assert asking.sacct(["JobID"], jobs=[7]) == Answer("JobID\n7\n")


def test_leaked_variables_change_neither_question_nor_answer(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked = "SQUEUE_STATES SACCT_FORMAT SLURM_JOB_ID SINFO_ALL SLURM_DEBUG_FLAGS SBATCH_WAIT"
    for name in leaked.split():
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("SLURM_CLUSTERS", "far")
    monkeypatch.setenv("SLURM_CONF", "/its/slurm.conf")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    calls = stand_in("squeue", 'env >$CALLS/env; printf "%s\\n" "$@" >$CALLS/words')
    assert asking.squeue("JobID:", names=["r.1"], user=7) == Answer("")
    seen = dict(
        line.partition("=")[::2]
        for line in (calls / "env").read_text(encoding="utf-8").splitlines()
    )
    assert not seen.keys() & {*leaked.split(), "SLURM_CLUSTERS"}
    assert seen["SLURM_CONF"] == "/its/slurm.conf"
    assert (seen["LC_ALL"], seen["SLURM_TIME_FORMAT"], seen["SLURM_BITSTR_LEN"]) == ("C", "%s", "0")
    words = (calls / "words").read_text(encoding="utf-8").splitlines()
    assert {"--clusters=far", "--user=7", "--name=r.1", "--Format=JobID:"} <= set(words)


def test_long_lists_are_cut_and_every_job_is_asked_for_once(stand_in: StandIn) -> None:
    text = 'n=$(ls $CALLS | wc -l); printf "%s\\n" "$@" >$CALLS/$n; echo "JobID|State"; echo "$n|x"'
    calls = stand_in("sacct", text)
    jobs = range(10_000_000, 10_030_000)
    answer = asking.sacct(["JobID", "State"], jobs=jobs)
    asked: list[str] = []
    for call in calls.iterdir():
        line = call.read_text(encoding="utf-8")
        assert len(line) < 100_000
        asked += line.partition("--jobs=")[2].strip().split(",")
    assert sorted(asked) == [str(job) for job in jobs]
    assert answer.text == "JobID|State\n0|x\n1|x\n2|x\n"


def test_nothing_named_is_nothing_asked(stand_in: StandIn) -> None:
    for name in ("sacct", "squeue"):
        stand_in(name, "echo everybody's")
    assert asking.sacct(["JobID"]) == asking.squeue("JobID") == Answer("")


# ── sbatch ──────────────────────────────────────────────────────────────────────────────────────

POLICY = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit "
    "limit, user's size and/or time limits)"
)
FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("err", "outcome", "text"),
    [
        # As SLURM 22.05 says it, but for the two of other releases.
        (f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}", "limit", "AssocMaxSubmit"),
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}", "limit", "QOSMaxSubmitJobPer"),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}", "refused", "QOSMaxWall"),
        (POLICY, "limit", "Job violates"),  # up to 2018 or so no line named the limit
        (FAILED + "MaxJobCount limit reached", "limit", "MaxJobCount limit reached"),  # since 25
        (
            "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
            + FAILED + "Resource temporarily unavailable",
            "limit", "Resource temporarily unavailable",
        ),
        (FAILED + "Invalid job array specification", "refused", "Invalid job array specification"),
        (
            "sbatch: error: invalid partition specified: nope\n"
            + FAILED + "Invalid partition name specified",
            "refused", "invalid partition specified: nope; Invalid partition name specified",
        ),
        ("sbatch: unrecognized option '--nope=1'", "refused", "unrecognized option '--nope=1'"),
        (
            FAILED + "Unable to contact slurm controller (connect failure)",
            "unreachable", "Unable to contact slurm controller (connect failure)",
        ),
        (
            "sbatch: error: fetch\nsbatch: fatal: Could not establish a configuration source",
            "unreachable", "sbatch: Could not establish a configuration source",
        ),
        (
            FAILED + "Unable to contact slurm controller (receive failure)",
            "unknown", "Unable to contact slurm controller (receive failure)",
        ),
        (FAILED + "Socket timed out on send/recv operation", "unknown", "Socket timed out"),
        (FAILED + "Zero Bytes were transmitted or received", "unknown", "Zero Bytes"),
    ],
)  # fmt: skip
def test_what_is_known_after_sbatch_failed(
    stand_in: StandIn, script: str, err: str, outcome: str, text: str
) -> None:
    calls = stand_in("sbatch", "cat $CALLS/err >&2; exit 1")
    (calls / "err").write_text(err + "\n", encoding="utf-8")
    answer = submit(script)
    assert (answer.outcome, answer.job) == (outcome, None)
    assert answer.text.startswith(text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("echo 123", Submitted("accepted", 123)),
        ("echo '123;far'", Submitted("accepted", 123, "far")),
        ("echo 'welcome'; echo 123; echo 'sbatch: be nice' >&2",
         Submitted("accepted", 123, text="be nice")),
        ("echo 123; exit 1", Submitted("accepted", 123)),
        ("", Submitted("unknown", text="sbatch ended with exit code 0 and said nothing")),
        ("kill -KILL $$", Submitted("unknown", text="sbatch was ended by signal 9")),
        ("sleep 600", Submitted("unknown", text="sbatch did not answer within 0.5 s")),
    ],
)  # fmt: skip
def test_only_an_id_is_an_acceptance_and_silence_proves_nothing(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, script: str, said: str, expected: Submitted
) -> None:
    if "sleep" in said:
        monkeypatch.setenv(asking.TIMEOUT_VARIABLE, "0.5")
    stand_in("sbatch", said)
    assert submit(script) == expected


def test_jobs_get_the_users_environment_and_no_option_out_of_it(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who pays and where jobs run may stand in variables, unless the script says it."""
    gone = ("SBATCH_ARRAY_INX", "SBATCH_OUTPUT", "SBATCH_WAIT", "SLURM_JOB_ID", "SLURM_NTASKS")
    for name in (*gone, "SBATCH_ACCOUNT", "SBATCH_PARTITION", "SLURM_CLUSTERS"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    calls = stand_in("sbatch", "env >$CALLS/env; echo 1")
    path = tmp_path / "with space.sh"
    path.write_text(SCRIPT.format(more="#SBATCH --partition=said\n"), encoding="utf-8")
    assert submit(str(path)).job == 1
    seen = dict(
        line.partition("=")[::2]
        for line in (calls / "env").read_text(encoding="utf-8").splitlines()
    )
    assert not seen.keys() & {*gone, "SBATCH_PARTITION", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"}
    assert (seen["SBATCH_ACCOUNT"], seen["SLURM_CLUSTERS"]) == ("mine", "mine")
    assert seen["LC_ALL"] == "de_DE.UTF-8"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_sbatch_keeps_the_lock_when_farmhand_is_ended(
    stand_in: StandIn, script: str, tmp_path: Path, until: Any, number: signal.Signals
) -> None:
    text = "echo $$ >$CALLS/begun; until [ -e $CALLS/go ]; do sleep 0.01; done; echo 5 >$CALLS/end"
    calls = stand_in("sbatch", text)
    driver = (
        "import fcntl, os, sys\n"
        "from runners.sbatch import submit\n"
        "lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "submit(sys.argv[2], lock)\n"
    )
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", driver, str(lock), script],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stderr=subprocess.DEVNULL,
    ) as process:
        until((calls / "begun").exists, "sbatch")
        process.send_signal(number)
    with open(lock, "rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (calls / "go").touch()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert (calls / "end").exists()


# ── the real commands ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def conf(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
    return slurm


def held(slurm: Slurm, name: str, *words: str) -> int:
    return slurm.sbatch(
        "--hold", f"--job-name={name}", "--array=0-299:3", *words, "--wrap=true", cwd="/tmp"
    )


def test_the_real_queue_forgets_ids_without_an_error(conf: Slurm) -> None:
    job = held(conf, "known.1")
    gone = 9_999
    assert asking.squeue("ArrayJobID:,State:", jobs=[gone]) == Answer("")
    assert asking.squeue("ArrayJobID:,State:", jobs=[gone, gone + 1]) == Answer("")
    both = asking.squeue("ArrayJobID: ,State:", jobs=[job, gone])
    assert both.text is not None
    assert both.text.split() == [str(job), "PENDING"]
    named = asking.squeue("JobArrayID:", names=["known.1"])
    assert named.text is not None
    assert named.text.strip() == f"{job}_[0-297:3]"  # not cut at 64 bytes, SLURM's default
    conf.admin("scontrol", "release", f"{job}_3")
    conf.wait_for_state(f"{job}_3", "COMPLETED")
    named = asking.squeue("JobArrayID:", names=["known.1"])
    assert named.text is not None
    listed = [word for word in named.text.split() if word.startswith(f"{job}_[")]
    assert len(listed[0]) > 64
    assert listed[0].endswith("297]")
    conf.admin("scancel", str(job))


def test_the_real_accounting_by_name_and_by_id(conf: Slurm) -> None:
    fields = ["JobID", "NoSuchField", "JobName", "State"]
    user = int(conf.run_as_user(["id", "-u"]).stdout)
    job = conf.sbatch("--job-name=pipe|d.1", "--wrap=exit 3", "--output=/dev/null", cwd="/tmp")
    conf.wait([job])
    for answer in (
        asking.sacct(fields, names=["pipe|d.1"], user=user),
        asking.sacct(fields, jobs=[9_999, job]),
    ):
        assert answer.problem is None
        rows = [line.split("\x1f") for line in (answer.text or "").splitlines()]
        assert rows[0] == ["JobID", "JobName", "State"]
        assert [str(job), "pipe|d.1", "FAILED"] in rows
    later = asking.sacct(fields, names=["pipe|d.1"], user=user, since=4e9)
    assert str(job) not in (later.text or "")
    assert asking.sacct(["NoSuchField"], jobs=[job]).problem == (
        'sacct: Invalid field requested: "NoSuchField"'
    )


def test_what_was_cancelled_before_it_was_eligible_is_found_by_id_only(conf: Slurm) -> None:
    user = int(conf.run_as_user(["id", "-u"]).stdout)
    job = held(conf, "early.1")
    conf.admin("scancel", str(job))
    conf.wait([job])
    by_id = asking.sacct(["JobID", "State"], jobs=[job])
    assert f"{job}_[0-297:3]\x1fCANCELLED" in (by_id.text or "")
    by_name = asking.sacct(["JobID", "State"], names=["early.1"], user=user)
    assert (by_name.text or "").splitlines() == ["JobID\x1fState"]
    assert str(job) in (asking.squeue("JobArrayID:", names=["early.1"]).text or "")


def test_the_real_configuration_and_partitions(conf: Slurm) -> None:
    answer = slurm_site.show_config()
    values = slurm_site.read_config(answer.text or "")
    assert values["ClusterName"] == "main"
    assert values["MaxArraySize"] == "1001"
    assert "JobSubmitPlugins" not in values  # (null)
    partitions = {
        one.name: one for one in slurm_site.read_partitions(slurm_site.show_partitions().text or "")
    }
    main, short = partitions["main"], partitions["short"]
    assert (main.default, main.up, main.nodes, main.max_walltime_s) == (True, True, 2, None)
    assert (short.default, short.max_walltime_s, short.memory_mb) == (False, 300, main.memory_mb)
    assert slurm_site.accounting_answers() == Answer("")


def test_a_cluster_that_the_environment_names_is_the_one_that_is_asked(
    conf: Slurm, small_slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CLUSTERS", small_slurm.name)
    values = slurm_site.read_config(slurm_site.show_config().text or "")
    assert values["ClusterName"] == small_slurm.name
    assert len(slurm_site.read_partitions(slurm_site.show_partitions().text or "")) > 1
    job = held(conf, "here.1")
    assert asking.squeue("JobID:", names=["here.1"]) == Answer("")
    listed = asking.squeue("ArrayJobID:", names=["here.1"], clusters=conf.name)
    assert listed.text is not None
    assert listed.text.strip() == str(job)
    assert asking.squeue("JobID:", names=["here.1"], clusters="nowhere").text is None
    conf.admin("scancel", str(job))


SUBMIT = """\
import sys
from runners.sbatch import submit
said = submit(sys.argv[1])
print(said.outcome, said.job, said.text, sep="\\n")
"""
TRY = """\
import sys
from runners.sbatch import would_take
print(would_take(sys.argv[1]))
"""


def typed(slurm: Slurm, code: str, *directives: str) -> str:
    """Let the user's Python do something with a script."""
    path = slurm.workspace() / "job.sh"
    more = "".join(f"#SBATCH {line}\n" for line in ("--hold", *directives))
    path.write_text(SCRIPT.format(more=more), encoding="utf-8")
    env = {"PYTHONPATH": str(REPO), asking.TIMEOUT_VARIABLE: "100"}
    return slurm.run_as_user([sys.executable, "-c", code, str(path)], env=env).stdout


def submitted(slurm: Slurm, *directives: str) -> list[str]:
    """Submit a script; say outcome, id, and text."""
    return typed(slurm, SUBMIT, *directives).split("\n")[:3]


def test_the_real_sbatch_takes_and_refuses(conf: Slurm) -> None:
    outcome, job, text = submitted(conf, "--array=0-3")
    assert (outcome, text) == ("accepted", "")
    assert set(conf.squeue([job]).values()) == {"PENDING"}
    conf.admin("scancel", job)
    refusal = "Invalid job array specification"
    assert submitted(conf, "--array=0-1001") == ["refused", "None", refusal]
    assert "to start at" in typed(conf, TRY, "--array=0-3")
    assert typed(conf, TRY, "--array=0-1001").strip() == str(Answer(None, refusal))
    assert submitted(conf, "--partition=nope") == [
        "refused", "None",
        "invalid partition specified: nope; Invalid partition name specified",
    ]  # fmt: skip


def test_the_real_limit_on_a_users_jobs_is_told_from_a_refusal(limited_slurm: Slurm) -> None:
    outcome, _, text = submitted(limited_slurm, "--array=0-5")
    assert outcome == "limit"
    assert "MaxSubmitJob" in text


def test_a_controller_that_is_gone_and_one_that_hangs(
    own_slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", str(own_slurm.conf))
    pid = own_slurm.daemons.pid(own_slurm.records["slurmctld"])
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        outcome, _, text = submitted(own_slurm, "--job-name=doubt.1")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (outcome, text) == ("unknown", "Socket timed out on send/recv operation")
    own_slurm.stop("slurmctld")
    outcome, _, text = submitted(own_slurm)
    assert outcome == "unreachable"
    assert text == "Unable to contact slurm controller (connect failure)"
    queue = asking.squeue("JobID:", names=["doubt.1"])
    assert queue.problem == "squeue: Unable to contact slurm controller (connect failure)"
    assert asking.sacct(["JobID"], jobs=[1]).problem is None  # which is asked of the database
    own_slurm.stop("slurmdbd")
    assert asking.sacct(["JobID"], jobs=[1]).problem == (
        "sacct: Problem talking to the database: Connection refused"
    )
