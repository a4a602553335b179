"""The stand-in for LSF does what the manuals say and captured reports show."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clusters.lsf import script

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn


def bsub(text: str, *words: str, code: int = 0, cwd: Path | None = None) -> str:
    done = subprocess.run(
        ["bsub", *words], input=text, capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def asked(*words: str, code: int = 0) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def shape(report: str) -> list[str]:
    """Return the lines of a report with everything that differs from run to run taken out."""
    text = re.sub(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", "DATE", report)
    text = re.sub(r"<[^>]*>", "<>", text)
    text = re.sub(r"Job \d+", "Job N", text)
    text = re.sub(r" +[\d.]+ (sec|MB)", r" N \1", text)
    return [line for line in text.splitlines() if "Memory" not in line and "Swap" not in line]


def test_a_report_of_the_compatible_layout_is_shaped_as_the_captured_one(
    lsf: StandIn, tmp_path: Path
) -> None:
    lsf.configure(layout="compatible")
    bsub("#!/bin/bash\n#BSUB -J exit3 -o x_%J.out\necho out; echo err >&2\nexit 3\n", cwd=tmp_path)
    lsf.wait()
    lines = shape((tmp_path / "x_1.out").read_text())
    if "    Max Processes  :         4" in lines:  # it was seen alive, for once
        at = lines.index("    Max Processes  :         4")
        del lines[at - 1 : at + 1]
    assert lines == [
        "Sender: LSF System <>",
        "Subject: Job N: <> Exited",
        "",
        "Job <> was submitted from host <> by user <>.",
        "Job was executed on host(s) <>, in queue <>, as user <>.",
        "<> was used as the home directory.",
        "<> was used as the working directory.",
        "Started at DATE",
        "Results reported at DATE",
        "",
        "Your job looked like:",
        "",
        "-" * 60,
        "# LSBATCH: User input",
        "#!/bin/bash",
        "#BSUB -J exit3 -o x_%J.out",
        "echo out; echo err >&2",
        "exit 3",
        "",
        "-" * 60,
        "",
        "Exited with exit code 3.",
        "",
        "Resource usage summary:",
        "",
        "    CPU time   : N sec.",
        *(
            ["", "    Max Processes  :         4"]
            if "Max Proc" in (tmp_path / "x_1.out").read_text()
            else []
        ),
        "",
        "The output (if any) follows:",
        "",
        "out",
        "err",
    ]


def test_a_job_sees_what_lsf_sets(lsf: StandIn, tmp_path: Path) -> None:
    text = "#BSUB -o o\nenv | grep -E '^(LSB|LS)_'; pwd; cat; echo $0\n"
    said = bsub(text, "-q", "8nm", cwd=tmp_path)
    assert said == "Job <1> is submitted to queue <8nm>.\n"
    lsf.wait()
    report = (tmp_path / "o").read_text()
    for line in ("LSB_JOBID=1", "LSB_JOBINDEX=0", "LSB_QUEUE=8nm", f"LS_SUBCWD={tmp_path}"):
        assert f"\n{line}\n" in report
    assert f"\n{tmp_path}\n" in report
    assert report.endswith(".1.shell\n")


def test_directives_count_wherever_they_stand_and_the_command_line_wins(
    lsf: StandIn, tmp_path: Path
) -> None:
    bsub("echo\n#BSUB -J late\ncat <<E\n#BSUB -q 8nh\nE\n#BSUB -o a\n", "-o", "b", cwd=tmp_path)
    [job] = lsf.jobs()
    assert (job.name, job.queue, job.options["o"]) == ("late", "8nh", "b")
    assert doctest.testmod(script).failed == 0


def test_the_shebang_counts_on_the_first_byte_only(lsf: StandIn, tmp_path: Path) -> None:
    bsub("#!/bin/bash\n#BSUB -o o\n[[ a == a ]] && echo $BASH\n", cwd=tmp_path)
    bsub("\n#!/bin/bash\n#BSUB -o o\nreadlink /proc/$$/exe\n", cwd=tmp_path)
    lsf.wait()
    reports = (tmp_path / "o").read_text()
    assert reports.count("Sender: ") == 2
    assert "\n/bin/bash\n" in reports
    assert "/dash" in reports or "/bash" in reports


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-q", "no"], "no: No such queue. Job not submitted."),
        (["-q", "8nm", "-W", "9"], "RUNLIMIT: Cannot exceed queue's hard limit(s). Job not"),
        (["-W", "soon"], "Bad time specification"),
        (["-J", "a[1-1001]"], "Job array index too large"),
        (["-J", "a[0-3]"], "Bad job array index list"),
        (["-J", "a[1-3]x"], "Bad job array name"),
        (["-J", "bad.7"], "Request aborted by esub"),
        (["-J"], "option requires an argument -- J"),
    ],
)
def test_what_is_refused(lsf: StandIn, words: list[str], why: str) -> None:
    lsf.configure(refuse=r"^bad\.")
    assert why in bsub("true\n", *words, code=255)
    assert lsf.jobs() == []


def test_a_bad_array_may_silently_become_one_job(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(plain_on_bad_array=True)
    bsub('#BSUB -J "a[1-2000]" -o o\necho "<$LSB_JOBINDEX>"\n', cwd=tmp_path)
    lsf.wait()
    assert "<0>" in (tmp_path / "o").read_text()


def test_an_array_with_a_limit(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(slots=4)
    text = "ls run-* 2>/dev/null; touch run-$LSB_JOBINDEX; sleep 0.3; rm run-$LSB_JOBINDEX\n"
    bsub(f'#BSUB -J "a[1-3,7]%1"\n#BSUB -o o.%J.%I\n{text}exit $LSB_JOBINDEX\n', cwd=tmp_path)
    lsf.wait()
    assert {name: state.code for name, state in lsf.states().items()} == {
        "1[1]": 1, "1[2]": 2, "1[3]": 3, "1[7]": 7,
    }  # fmt: skip
    for index in (1, 2, 3, 7):
        report = (tmp_path / f"o.1.{index}").read_text()
        assert f"Subject: Job 1[{index}]: <a[1-3,7]%1> in cluster <farm> Exited\n" in report
        assert report.endswith("follows:\n\n")  # nobody saw another one running


@pytest.mark.parametrize(
    ("layout", "told"), [("ibm10", True), ("lsf9", True), ("compatible", False)]
)
def test_the_run_limit(lsf: StandIn, tmp_path: Path, layout: str, told: bool) -> None:
    lsf.configure(minute_s=0.3, layout=layout)
    bsub("#BSUB -W 1 -o o\nsleep 60\n", cwd=tmp_path)
    lsf.wait()
    report = (tmp_path / "o").read_text()
    assert "\nExited with exit code 140.\n" in report
    reason = "\nTERM_RUNLIMIT: job killed after reaching LSF run time limit.\nExited with"
    assert (reason in report) == told


def test_a_warning_comes_before_the_end(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(minute_s=0.4)
    trap = "trap 'echo warned; exit 7' USR1\nfor i in $(seq 100); do sleep 0.1; done\n"
    bsub(f'#!/bin/bash\n#BSUB -W 30 -wa "USR1" -wt 29\n#BSUB -o o\n{trap}', cwd=tmp_path)
    lsf.wait()
    assert lsf.states()["1"].code == 7
    assert (tmp_path / "o").read_text().endswith("\nwarned\n")


def test_bkill(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(slots=1, kill_interval_s=0.2)
    stubborn = "trap '' INT TERM\nsleep 60; sleep 60\n"
    bsub(f"#!/bin/bash\n#BSUB -o o.%J\n{stubborn}", cwd=tmp_path)
    bsub('#BSUB -o o.%J\n#BSUB -J "w[1-2]"\nsleep 60\n', cwd=tmp_path)
    while lsf.states()["1"].stat != "RUN":
        time.sleep(0.02)
    time.sleep(0.2)
    assert asked("bkill", "2[1]") == "Job <2[1]> is being terminated\n"
    assert asked("bkill", "1") == "Job <1> is being terminated\n"
    while lsf.states()["2[2]"].stat != "RUN":
        time.sleep(0.02)
    asked("bkill", "-J", "w")
    lsf.wait()
    assert {name: state.code for name, state in lsf.states().items()} == {
        "1": 137, "2[1]": None, "2[2]": 130,
    }  # fmt: skip
    assert (
        "TERM_OWNER: job killed by owner.\nExited with exit code 137.\n"
        in (tmp_path / "o.1").read_text()
    )
    assert asked("bkill", "1", code=255) == "Job <1>: Job has already finished\n"
    assert asked("bkill", "9", code=255) == "Job <9>: No matching job found\n"


def test_output_without_a_place_goes_by_mail(lsf: StandIn, tmp_path: Path) -> None:
    bsub("#BSUB -o no/where\necho hello\n", cwd=tmp_path)
    bsub("echo world\n", cwd=tmp_path)
    lsf.wait()
    assert {name: text.splitlines()[-1] for name, text in lsf.mail().items()} == {
        "1": "hello", "2": "world",
    }  # fmt: skip
    assert "Successfully completed." in lsf.mail()["1"]


def test_output_that_is_overwritten_and_output_that_comes_first(
    lsf: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "o").write_text("old\n")
    bsub("#BSUB -oo o\necho new\n", cwd=tmp_path)
    lsf.wait()
    assert (tmp_path / "o").read_text().startswith("Sender: ")
    lsf.configure(direct=True)
    bsub("#BSUB -o d\necho first\n", cwd=tmp_path)
    lsf.wait()
    assert (tmp_path / "d").read_text().startswith(f"first\n\n{'-' * 60}\nSender: ")


def test_memory_is_enforced_where_it_is(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(enforce_memory=True, kill_interval_s=0.1)
    hungry = "python3 -c 'import time; x = bytearray(120 << 20); time.sleep(60)'"
    bsub(f"#BSUB -o o -M 50000\n{hungry}\n", cwd=tmp_path)
    lsf.wait()
    assert (
        "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit."
        in (tmp_path / "o").read_text()
    )


def test_bjobs(lsf: StandIn, tmp_path: Path) -> None:
    lsf.configure(slots=1)
    bsub('#BSUB -J "a[1-2]" -o o\nexit $((LSB_JOBINDEX - 1))\n', cwd=tmp_path)
    lsf.wait()
    bsub("#BSUB -J long -o o\nsleep 60\n", cwd=tmp_path)
    form = 'jobid jobindex stat exit_code delimiter="|"'
    while lsf.states()["2"].stat != "RUN":
        time.sleep(0.02)
    assert asked("bjobs", "-noheader", "-o", form) == "2|0|RUN|-\n"
    said = asked("bjobs", "-a", "-noheader", "-o", form)
    assert said == "1|1|DONE|-\n1|2|EXIT|1\n2|0|RUN|-\n"
    assert asked("bjobs", "-noheader", "-o", form, "1[2]") == "1|2|EXIT|1\n"
    assert asked("bjobs", "9", code=255) == "Job <9> is not found\n"
    tree = json.loads(asked("bjobs", "-json", "-o", "jobid stat", "2", "9"))
    assert tree["RECORDS"] == [
        {"JOBID": "2", "STAT": "RUN"}, {"JOBID": "9", "ERROR": "Job <9> is not found"},
    ]  # fmt: skip
    lsf.configure(clean_period_s=0.0, please_wait=True)
    assert asked("bjobs", "1", code=255).splitlines() == [
        "Cannot connect to LSF. Please wait ...", "Job <1> is not found",
    ]  # fmt: skip
    assert "Exited with exit code 1. The CPU time" in re.sub(r"\s+", " ", asked("bhist", "-l", "1"))
    assert "Completed <exit>;" in asked("bacct", "-l", "1[2]")


def test_what_a_site_says_of_itself(lsf: StandIn) -> None:
    assert "My cluster name is farm\n" in asked("lsid")
    assert "MAX_JOB_ARRAY_SIZE = 1000\n" in asked("bparams", "-a")
    assert asked("bqueues", "-w", "1nh").splitlines()[1].startswith("1nh  ")
    assert asked("bqueues", "no", code=255) == "no: No such queue\n"
