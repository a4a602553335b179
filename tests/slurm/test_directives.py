"""Whatever a spec says to sbatch and to its command arrives as it was written, on a real SLURM."""

from __future__ import annotations

import io
import json
import os
import shlex
import string
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from farmhand import cli
from manifest.sbatch_options import OPTIONS
from renderer.sbatch_words import sbatch_line, sbatch_option
from tests.clusters.slurm import Slurm
from tests.slurm.study import Study, shown

LONG = bool(os.environ.get("FARMHAND_LONG"))
NUMBERS = count()
TAME = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What any of SLURM, bash, YAML, Jinja and printf might take for its own.
SPICES = [
    *("'", '"', "\\", "\\\\", "#", "%", "%%", "%A", "%N", " ", "  ", "$", "$(", ")", "`", "${x}"),
    *("$HOME", "~", "!", "&", "|", ";", "<", ">", "*", "?", "[", "]", "{", "}", "=", ":", ",", "-"),
    *("--", "\\n", "\\t", "\\0", "a", "Z9", "é", "☃", "🚜", "日本", '\\"', "#SBATCH", "'\\''"),
]
TEXT = st.lists(
    st.sampled_from(SPICES) | st.text(st.characters(codec="utf-8"), max_size=3), max_size=25
).map("".join)
VALUE = (  # what a directive may hold
    TEXT.filter(lambda text: text.isprintable() and text != "")
    | st.text(string.printable[:95], min_size=1, max_size=300)
)
# Options whose values slurmctld keeps and shows as they are, and fields of squeue(1).
KEPT = {"comment": "comment", "network": "network", "mcs-label": "mcslabel"}


@pytest.fixture
def shelf(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for runs rendered in this process; what they submit is held and cancelled."""
    path = slurm.workspace()
    monkeypatch.chdir(path)
    yield path
    slurm.admin("scancel", f"--name={HELD}.1")


HELD = "held"


def render(shelf: Path, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """Render in this process: a script."""
    folder = f"{next(NUMBERS)}"
    words = ["farmhand", "render", "-", "--scheduler", "slurm", "--run-id", HELD]
    monkeypatch.setattr(sys, "argv", [*words, "--out-dir", folder])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(spec).encode())))
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    return str(shelf / folder / HELD / "slurm_array_job.sh")


@settings(TAME, max_examples=500 if LONG else 70)
@given(st.tuples(*[VALUE] * len(KEPT)))
@example(("a b", "it's # 1", '"'))
@example((" a ", "#", "a#b"))
@example(("\\", "\\\\", "a\\"))
@example(("x" * 1024, "é" * 512, "'" * 1024))
@example(('"' * 900, "\\" * 1024, "# " * 512))
@example(("true", "no", "false"))
@example((":", "--", "-x"))
@example(("(null)", "N/A", "=="))
def test_any_value_arrives(
    slurm: Slurm, shelf: Path, monkeypatch: pytest.MonkeyPatch, values: tuple[str, ...]
) -> None:
    """Three values at a time: more than 200 through the real sbatch."""
    asked = dict(zip(KEPT, (cut(value) for value in values), strict=True))
    spec = {
        "name": "d",
        "work": {"count": 1},
        "command": ["true"],
        "slurm": {
            "partition": ["short", "main"],
            "directives": {"hold": "true", **asked},
        },
    }
    job = slurm.sbatch(render(shelf, spec, monkeypatch), cwd=shelf)
    told = shown(slurm, job, *KEPT.values(), "partition", "state", "reason")
    assert told == [*asked.values(), "short,main", "PENDING", "JobHeldUser"]


def cut(value: str) -> str:
    """No more than slurmctld takes: 1,024 bytes."""
    return value.encode()[:1024].decode(errors="ignore")


@settings(TAME, max_examples=20 if LONG else 2, phases=[Phase.generate])  # no shrinking: too slow
@given(st.lists(TEXT.filter(lambda text: "\0" not in text), min_size=80, max_size=80))
def test_any_argument_arrives(study: Study, words: list[str]) -> None:
    """Eighty words for each of four shards; in every other one the shard's number is put in."""
    fresh = Study(study.slurm, study.slurm.workspace())
    plain = [word.replace("{{", "{ {") for word in [*SPICES, *words]]
    show = """printf '%s\\0' "$@" >argv"""
    command = ["bash", "-c", show, "show"]
    command += [word + "|{{ shard.index }}" * (at % 2) for at, word in enumerate(plain)]
    fresh.render(command=command, work={"count": 4}, shards=4, slurm={})
    fresh.submit()
    fresh.finish(4)
    for shard in range(4):
        [path] = fresh.run.glob(f"shards/s{shard}/*/argv")
        argv = path.read_bytes().decode().split("\0")
        assert argv[:-1] == [word + f"|{shard}" * (at % 2) for at, word in enumerate(plain)]


NAMES = [
    *("two words ", 'it\'s "no"', "50%", "%N %j %%A", "back\\slash", "%A\\", "a#b", "# é ☃ 🚜"),
    *("$HOME `id` $(id) ${x}", "-n *?[a];b&c|d<e>('f", "{{ x }} ~ !bang =,:"),
]


def test_directories_of_any_name(study: Study) -> None:
    """Jobs start there, their output is there, and SLURM's rows are known to be of that run."""

    def two_jobs(name: str) -> tuple[Study, set[int]]:
        """One by hand, one by submit, which must know that there is the other."""
        here = Study(study.slurm, study.path / name)
        study.slurm.run_as_user(["mkdir", str(here.path)])
        slurm = {"max_array_size": 1, "directives": {"hold": "true"}}
        first, second = here.render(work={"count": 2}, shards=2, slurm=slurm)
        line = f"sbatch {shlex.quote(first)}"
        assert here("submit", "runs/r").stdout.splitlines()[0] == line
        done = here.slurm.run_as_user(["bash", "-c", line], cwd="/").stdout
        submitted = here.submit()
        assert list(submitted.values()) == [second]
        return here, {*submitted, int(done.removeprefix("Submitted batch job "))}

    with ThreadPoolExecutor(3) as pool:
        studies = list(pool.map(two_jobs, NAMES))
    jobs = ",".join(str(job) for _, found in studies for job in found)
    study.slurm.admin("scontrol", "release", jobs)
    for here, found in studies:
        here.finish(2)
        assert here.records() == {0: 1, 1: 1}
        names = {path.name for path in (here.run / "logs/1").iterdir()}
        nodes = ("n1", "n2", os.uname().nodename)
        own = {f"{job}.{node}.out" for job in found for node in nodes}
        assert names
        assert names <= ({"jobs.out"} if "\\" in str(here.run) else own)
        assert {path.stat().st_size for path in here.run.glob("logs/1/*.out")} == {0}


@pytest.mark.parametrize(
    "name", ["a\nb", "a\tb", "a\rb", "a\x1bb", "a\x85b", "a\u2028b", "a\udcffb"]
)
def test_a_directory_that_no_directive_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    words = ["farmhand", "render", "--scheduler", "slurm", "--run-id", "r", "--", "true"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert "a character that is not printable" in said
    assert ascii(name)[1:-1] in said
    assert list(Path("runs").iterdir()) == []


REFUSED = {
    # what stands under slurm: -> what is said, and of which line and key
    '  directives:\n    hold: true\n    comment: "a\\nb"\n': (
        r"'a\nb': a directive is one line of printable text",
        "6: slurm.directives.comment",
    ),
    '  directives: {comment: "a\\eb"}\n': ("one line of printable text", "4: slurm.directives"),
    '  partition: [main, "a\\tb"]\n': ("one line of printable text", "4: slurm.partition"),
    '  account: ""\n': ("leave the key out instead", "4: slurm.account"),
    "  directives: {comment: ''}\n": ("leave the key out instead", "4: slurm.directives.comment"),
    "  directives: {comment: [a, b]}\n": ("not a list", "4: slurm.directives.comment"),
    "  directives:\n\n    coment: x\n": ("did you mean 'comment'?", "6: slurm.directives.coment"),
    "  directives: {mail_user: x}\n": ("did you mean 'mail-user'?", "slurm.directives.mail_user"),
    "  directives: {job_name: x}\n": (
        "by the name that farmhand gives",
        "slurm.directives.job_name",
    ),
    "  directives: {cpus: 3}\n": ("say resources.cpus", "4: slurm.directives.cpus"),
    "  directives: {memory: 3}\n": ("say resources.memory", "4: slurm.directives.memory"),
    "  directives: {zzz: 3}\n": ("'zzz' is no option of sbatch\n", "4: slurm.directives.zzz"),
    "  directives: {hold: maybe}\n": ("takes no value: write true or false", "4: slurm.dir"),
    "  directives: {exclude: n1}\n": ("say slurm.exclude", "4: slurm.directives.exclude"),
    "  directives: {no-requeue: true}\n": ("say slurm.requeue: false", "slurm.directives.no-req"),
    "  qos: a\n  directives: {qos: a}\n": ("given twice, here and as slurm.qos", "5: slurm.dir"),
    "  mail_type: END\n  directives:\n    mail-type: ALL\n": (
        "given twice, here and as slurm.mail_type",
        "6: slurm.directives.mail-type",
    ),
    "  partiton: x\n": ("did you mean 'partition'?", "4: slurm.partiton"),
    "  mail-type: x\n": ("did you mean 'mail_type'?", "4: slurm.mail-type"),
    "  directives: {hold: maybe, tim: 1, comment: ''}\n": (
        "also wrong: slurm.directives.comment, slurm.directives.tim",
        "4: slurm.directives.hold",
    ),
    f"  directives: {{comment: {'x' * 4001}}}\n": ("4001 characters are too many", "slurm.dir"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_a_directive_is_refused_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = f"name: d\nwork: {{count: 1}}\nslurm:\n{text}command: ['true']\n"
    Path("s.yaml").write_text(spec, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["farmhand", "render", "s.yaml", "--scheduler", "slurm"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err
    what, where = REFUSED[text]
    assert left.value.code == 2
    assert what in said
    assert f"s.yaml:{where}" in said or f": {where}" in said
    assert not Path("runs").exists()


@given(st.sampled_from(sorted(OPTIONS)), VALUE)
def test_a_directive_line_read_back_is_the_option(name: str, value: str) -> None:
    line = sbatch_line(f"{name}={value}")
    assert "\n" not in line
    assert sbatch_option(line) == f"{name}={value}"
