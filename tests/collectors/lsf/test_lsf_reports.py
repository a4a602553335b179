"""Job reports made in the layouts of IBM LSF: reasons, several in a file, cuts, look-alikes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.lsf_observation import Asked, of_report
from collectors.lsf_report import Report, last_report, read_reports
from tests.collectors.lsf.layouts import (
    DASHES,
    DONE,
    LAYOUTS,
    RUNLIMIT,
    START,
    Made,
    head,
    report,
    tail,
    with_output,
)

ABOVE = pytest.mark.parametrize("above", [False, True])
LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)
MEMLIMIT = "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit."
OWNER = "TERM_OWNER: job killed by owner."
ASKED = Asked(1, memory=1000 << 20, walltime=3600)
FAILED = replace(Made(), said="Exited with exit code 3.")
PS = "\n\nPS:\n\nRead file <x.err> for stderr output of this job.\n"
LOOKS = [
    DONE,
    "Exited with exit code 0.",
    MEMLIMIT,
    "The output (if any) follows:",
    "The output (if any) is above this job summary.",
    DASHES,
    "Sender: LSF System <lsfadmin@n1>",
    "Subject: Job 4711: <toys.1.s0> Done",
    "Your job looked like:",
    "Resource usage summary:",
    "    Max Memory :  99999 MB",
]
"""Lines that are a report's."""


def codes(*numbers: int) -> list[str]:
    return [f"Exited with exit code {number}." for number in numbers]


def read(text: str) -> Report:
    [found] = read_reports(text.encode())
    return found


REASONS = {
    RUNLIMIT: (
        "timeout", [*codes(140, 134), "Exited with signal termination: 12.", "Exited."],
    ),
    MEMLIMIT: (
        "oom",
        [*codes(1, 130, 137, 143), "Exited with signal termination: File size limit exceeded."],
    ),
    OWNER: ("cancelled", [*codes(130, 143), "Exited with signal termination: 14."]),
    "TERM_ADMIN: job killed by root or an administrator.": ("cancelled", codes(130)),
    "TERM_SWAP: job killed after reaching LSF swap usage limit.": ("oom", codes(130)),
    "TERM_THREADLIMIT: job killed after reaching LSF thread limit.": ("failed", codes(143)),
    "TERM_CPULIMIT: job killed after reaching LSF CPU usage limit.": ("timeout", codes(152, 24)),
    "TERM_EXTERNAL_SIGNAL: job killed by a signal external to LSF.": ("node", codes(137)),
    "TERM_FORCE_OWNER: owner killed the job by bkill -r.": ("cancelled", codes(137)),
}  # fmt: skip
"""The reasons seen in published reports, and what was seen beside them."""
OTHERS = {
    "FORCE_ADMIN BUCKET_KILL CHKPNT ORPHAN_SYSTEM": "cancelled",
    "DEADLINE WINDOW": "timeout",
    "PREEMPT LOAD MC_RECALL": "preempted",
    "REQUEUE_OWNER REQUEUE_ADMIN": "requeued",
    "ZOMBIE REMOVE_HUNG_JOB RC RMS SLURM CSM_ALLOC KUBE": "node",
    "CWD_NOTEXIST PRE_EXEC_FAIL": "setup",
    "DATA": "stage_in",
    "UNKNOWN OTHER PROCESSLIMIT NEXT_YEARS_WORD": "failed",
}
"""The rest of IBM's list."""
SEEN = [(term, kind, said) for term, (kind, lines) in REASONS.items() for said in lines] + [
    (f"TERM_{word}: some words.", kind, "Exited with exit code 130.")
    for words, kind in OTHERS.items()
    for word in words.split()
]


@ABOVE
@pytest.mark.parametrize("layout", LAYOUTS[:2])
@pytest.mark.parametrize(("term", "kind", "said"), SEEN)
def test_the_reason_counts_whatever_the_code(
    layout: str, above: bool, term: str, kind: str, said: str
) -> None:
    made = Made(layout, said, term, usage=said != "Exited.")
    found = read(with_output(made, f"{DONE}\n", above=above))
    assert found.ending is not None
    word, _, reason = term.partition(": ")
    assert (found.ending.term, found.ending.reason) == (word, reason.rstrip("."))
    told = of_report(found, ASKED)
    assert (told.kind, told.state) == (kind, f"{word}: {reason}".rstrip("."))
    assert told.code == (int(said.rsplit(maxsplit=1)[-1][:-1]) if " code " in said else None)
    numbers = {"12.": 12, "14.": 14, "exceeded.": 25}
    assert told.signal == (numbers[said.rsplit(maxsplit=1)[-1]] if "signal" in said else None)


@LAYOUT
@ABOVE
def test_all_that_a_report_tells(layout: str, above: bool) -> None:
    found = read(with_output(Made(layout), "Hello\n", above=above))
    assert found.ending is not None
    new = layout == "10.1"
    usage = found.ending.usage
    assert (found.started, found.ended) == (START, START + 90)
    assert (found.submitted, found.terminated) == ((START - 30, START + 90) if new else (None,) * 2)
    assert (found.outcome, found.queue, found.above) == ("Done", "1nh", above)
    assert (usage.cpu_s, usage.peak, usage.processes) == (32.56, 616 << 20, 4)
    assert usage.threads == (None if layout == "compatible" else 8)
    assert usage.swap == (None if new else 1232 << 20)
    assert (usage.run_s, usage.turnaround_s) == ((90, 120) if new else (None, None))
    assert usage.requested == (1000 << 20 if new else None)
    assert of_report(found, ASKED).kind == "completed"


@LAYOUT
def test_the_hosts_of_a_parallel_job(layout: str) -> None:
    hosts = ("16*n1", *(f"16*n{number}" for number in range(2, 700)))
    found = read(report(Made(layout, hosts=hosts)))
    assert (len(found.hosts), found.hosts[-1], found.queue) == (699, "n699", "1nh")
    assert found.started == START


@LAYOUT
@ABOVE
def test_the_last_of_several_counts(layout: str, above: bool) -> None:
    """A job that is put back into the queue appends to its file."""
    first = replace(FAILED, layout=layout)
    second = replace(first, said=DONE, started=START + 3600)
    other = replace(second, job=12, started=START + 7200)
    text = "".join(with_output(made, "x\n", above=above) for made in (first, second, other))
    found = read_reports(text.encode())
    assert [one.outcome for one in found] == ["Exited", "Done", "Done"]
    last = last_report(found, "4711")
    assert last is not None
    assert (last.outcome, last.started) == ("Done", START + 3600)
    assert last_report(found, "4711[1]") is None


def test_a_report_that_the_job_prints_is_not_its_own() -> None:
    old = replace(FAILED, layout="10.1")
    new = replace(old, said=DONE, started=START + 3600)
    other = replace(old, job=9)
    for printed in report(old), report(other), report(old) + report(other):
        for above in (False, True):
            text = with_output(new, printed, above=above)
            last = last_report(read_reports(text.encode()), "4711")
            assert last is not None
            assert (last.outcome, last.started) == ("Done", START + 3600)


@LAYOUT
@pytest.mark.parametrize("made", [Made(), FAILED, replace(FAILED, term=RUNLIMIT)])
def test_cut_anywhere_it_says_nothing_of_the_end(layout: str, made: Made) -> None:
    made = replace(made, layout=layout)
    text = report(made)
    foot = text.index("The output (if any)") + len("The output (if any) follows:")
    whole = read(text)
    for end in range(len(text)):
        found = read_reports(text[:end].encode())
        if end >= foot:
            assert found == [whole]
        else:
            assert [one.ending for one in found] in ([], [None])
            told = [of_report(one, ASKED) for one in found]
            assert {(one.kind, one.code) for one in told} <= {("unknown", None)}


@LAYOUT
def test_one_that_is_cut_behind_a_whole_one(layout: str) -> None:
    """The end of the later execution is not that of the first."""
    first = replace(FAILED, layout=layout)
    second = replace(first, said=DONE, started=START + 3600)
    text = report(second)
    begin = text.index("Job <") + 5
    for end in range(begin, text.index("The output"), 7):
        last = last_report(read_reports((report(first) + text[:end]).encode()), "4711")
        assert last is not None
        assert last.ending is None, end


@LAYOUT
def test_one_that_is_cut_before_a_whole_one(layout: str) -> None:
    first = replace(FAILED, layout=layout, term=MEMLIMIT)
    second = replace(first, said=DONE, term="", started=START + 3600)
    text = report(first)
    for end in range(len(text)):
        last = last_report(read_reports(f"{text[:end]}\n{report(second)}".encode()), "4711")
        assert last == read(report(second)), end


@LAYOUT
@ABOVE
@pytest.mark.parametrize("made", [Made(), FAILED, replace(FAILED, term=OWNER)])
def test_what_looks_like_a_report_is_none(layout: str, above: bool, made: Made) -> None:
    """In the output, in standard error behind it, and in the script that the report repeats."""
    made = replace(made, layout=layout)
    expected = read(report(made, above=above))
    looks = "\n".join([*LOOKS, *LOOKS]) + "\n"
    assert read(with_output(made, looks, above=above)) == expected
    for line in LOOKS:
        for text in (line, f"{line}\n", f"\n{line}\n\n", f"{DASHES}\n\n{line}\n\n{LOOKS[3]}\n"):
            assert read(with_output(made, text, above=above)) == expected
            assert read(with_output(made, text, above=above) + PS) == expected
    script = tuple(line for line in LOOKS if line != DASHES)
    for lines in (script, (*script, *script), (DONE, LOOKS[3]), (*codes(7), LOOKS[4])):
        assert read(with_output(replace(made, script=lines), "", above=above)) == expected


def test_an_open_head_in_the_output_does_not_swallow_the_foot() -> None:
    for kind in (Made(), FAILED):
        printed = "\n".join(head(replace(kind, job=8))[:5])
        for made in (Made(), FAILED):
            found = read_reports(with_output(made, printed, above=True).encode())
            last = last_report(found, "4711")
            assert last == read(report(made, above=True))


def test_a_killed_job_that_lsf_calls_done() -> None:
    """It trapped what it was sent and ended with 0: the reason is there nevertheless."""
    found = read(report(Made(term=RUNLIMIT)))
    told = of_report(found, ASKED)
    assert (told.kind, told.code, told.why) == ("timeout", None, "although LSF calls it done")


@pytest.mark.parametrize(
    ("said", "outcome", "kind", "why"),
    [
        (DONE, "Exited", "failed", "although its subject says Exited"),
        ("Exited with exit code 3.", "Done", "failed", "although its subject says Done"),
        ("Exited.", "Done", "completed", ""),
        ("Exited", "Done", "completed", ""),
        ("Exited.", "Exited", "failed", ""),
        ("Exited", "Exited", "failed", ""),
    ],
)
def test_subject_and_line_that_contradict(said: str, outcome: str, kind: str, why: str) -> None:
    """A job of next to no CPU time may be told of as "Exited", whatever became of it."""
    told = of_report(read(report(Made(said=said, outcome=outcome))), ASKED)
    assert told.kind == kind
    assert why in told.why
    assert told.code in (None, 3, 0)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (Made(said="Exited with exit code 140.", took=3600), "timeout"),
        (Made(said="Exited with exit code 140.", took=3599), "failed"),
        (Made(said="Exited with exit code 130.", peak_mb=1001), "oom"),
        (Made(said="Exited with exit code 137.", peak_mb=1001), "oom"),
        (Made(said="Exited with exit code 130.", peak_mb=1000), "failed"),
        (Made(said="Exited with exit code 130.", peak_mb=None), "failed"),
        (Made(said="Exited with exit code 3.", peak_mb=1001), "failed"),
    ],
)
def test_without_a_reason_what_was_used_may_tell(made: Made, kind: str) -> None:
    told = of_report(read(report(replace(made, layout="compatible"))), ASKED)
    assert told.kind == kind
    assert of_report(read(report(made)), Asked(1)).kind == "failed"


def test_other_line_ends_and_bytes_that_are_no_text() -> None:
    made = Made(name="n\udcff\udcfe")
    data = with_output(made, "caf\udce9\r\n").encode("utf-8", "surrogateescape")
    for text in (data, data.replace(b"\n", b"\r\n")):
        [found] = read_reports(text)
        assert (found.outcome, found.name) == ("Done", "n\ufffd\ufffd")
        assert found.ending is not None


def test_the_lines_of_the_end_come_in_this_order() -> None:
    """The first reason, the first outcome: what follows them is told by something else."""
    lines = tail(replace(FAILED, term=MEMLIMIT))
    text = "\n".join([*head(FAILED), *lines[:2], RUNLIMIT, DONE, *lines[2:]])
    found = read(text)
    assert found.ending is not None
    assert (found.ending.term, found.ending.code) == ("TERM_MEMLIMIT", 3)
