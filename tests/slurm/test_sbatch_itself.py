"""What farmhand takes for granted of sbatch, asked of the real one."""

from __future__ import annotations

import re
import string

import pytest

from manifest.sbatch_options import OPTIONS, directive
from renderer.sbatch_words import sbatch_pattern
from tests.clusters.slurm import Slurm
from tests.slurm.study import Study, shown


def test_the_reader_of_sbatch_is_as_we_think(slurm: Slurm) -> None:
    """What the quoting relies on, and what it must not rely on."""
    run = slurm.workspace()

    def told(line: bytes) -> str | None:
        (run / "job.sh").write_bytes(b"#!/bin/bash\n" + line + b"\nexit\n")
        words = ["sbatch", "--parsable", "--hold", "--job-name=read.1", "job.sh"]
        done = slurm.run_as_user(words, cwd=run, check=False)
        if done.returncode != 0:
            return f"refused: {done.stderr.splitlines()[0].partition(': ')[2]}"
        [comment] = shown(slurm, done.stdout.strip(), "comment")
        return None if comment == "(null)" else comment

    comment = b"#SBATCH --comment="
    assert told(comment + b"a'b c'd") == "ab cd"
    assert told(comment + b"'a\\'b c'") == "a'b c"
    assert told(comment + b'"a\\\\b\\"c\\d"') == 'a\\b"cd'
    assert told(comment + b"a\\#c\\'d#e") == "a#c'd"
    assert "directive found in batch script: b" in str(told(comment + b"a\\ b"))
    assert told(comment + b"a --comment=b") == "b"
    assert told(comment + b"$HOME`id`$(id)~%A") == "$HOME`id`$(id)~%A"
    assert told(comment + "a\u00a0b\u0085c".encode()) == "a\u00a0b\u0085c"
    assert "DOS line breaks" in str(told(comment + b"a\r"))
    for blank in (b"\t", b"\v", b"\f", b"\r"):
        assert "Invalid directive found in batch script: b" in str(
            told(comment + b"a" + blank + b"b")
        )
    assert 'Unmatched `"`' in str(told(comment + b'"a b'))
    assert told(comment + b"a\ntrue\n" + comment + b"b") == "a"
    assert told(comment + b"a\n# a comment\n\n" + comment + b"b") == "b"
    assert told(b"# SBATCH --comment=a") is None
    assert told(comment + b"x" * 1024) == "x" * 1024
    assert "parameter too long" in str(told(comment + b"x" * 1025))
    assert told(b"#SBATCH --export=X=" + b"x" * 20_000 + b"\n" + comment + b"a") == "a"
    slurm.admin("scancel", "--name=read.1")


def test_the_patterns_of_sbatch_are_as_we_think(study: Study) -> None:
    """Where SLURM opens the output of a job that starts in a directory with a strange name."""
    expected = {}
    for folder in ("plain", "%A", "%%x", "100%", "a\\b", "%A\\"):
        there = study.path / folder / "logs"
        study.slurm.run_as_user(["mkdir", "-p", str(there)])
        for given_pattern, hopeful in (("logs/own.%A", folder == "plain"), (None, True)):
            pattern = given_pattern or sbatch_pattern(str(there.parent), "logs", "%A.out")
            words = (
                f"--chdir={there.parent}",
                f"--output={pattern}",
                "--array=0",
                "--wrap=echo hi",
            )
            job = study.slurm.sbatch(*words, cwd=study.path)
            name = (f"own.{job}" if given_pattern else f"{job}.out") if hopeful else None
            if name and "\\" in folder:
                name = "jobs.out"
            expected[job] = there / name if name else None
    study.slurm.wait(expected)
    states = study.slurm.states(*expected)
    for job, path in expected.items():
        if path is not None:
            assert states[f"{job}_0"] == "COMPLETED"
            assert path.read_text(encoding="utf-8") == "hi\n"
    relative = [states[f"{job}_0"] for job, path in expected.items() if path is None]
    assert relative.count("FAILED") == 3  # so it is not for nothing


NEWER = frozenset(
    [
        *(
            "consolidate-segments",
            "container-id",
            "container-type",
            "extra",
            "mem-update",
            "oom-kill-step",
            "resources",
        ),
        *("resv-ports", "segment", "spread-segments", "stepmgr", "tres-bind", "tres-per-task"),
    ]
)
OTHER_WORDS = {"cluster", "ntasks-per-tres", "tasks-per-node"}  # that the manual does not know


OURS = frozenset(
    [
        *(
            "array",
            "chdir",
            "cpus-per-task",
            "error",
            "exclude",
            "gpus",
            "help",
            "job-name",
            "mem",
            "no-requeue",
            "open-mode",
            "output",
        ),
        *(
            "parsable",
            "quiet",
            "requeue",
            "signal",
            "test-only",
            "time",
            "usage",
            "verbose",
            "version",
            "wait",
            "wrap",
        ),
    ]
)


def said_of(slurm: Slurm, options: list[str]) -> list[str]:
    """What sbatch says of each option, alone, without anything to submit."""
    loop = 'for o; do sbatch --test-only "$o" 2>&1 </dev/null | tr "\\n" " "; echo; done'
    return slurm.run_as_user(["sh", "-c", loop, "sh", *options]).stdout.splitlines()


def test_the_table_of_options_is_that_of_sbatch(slurm: Slurm) -> None:
    """getopt(3) lists all long options that begin with a letter, when there are several."""
    found: set[str] = set()
    for said in said_of(slurm, [f"--{letter}" for letter in string.ascii_lowercase]):
        listed = re.search(r"possibilities: (.*)", said)
        names = listed[1] if listed else said.partition("requires an argument")[0]
        found |= set(re.findall(r"--([a-z][a-z-]+)", names))
    assert len(found) > 100
    assert found - OPTIONS <= OTHER_WORDS
    assert OPTIONS - found - {"usage", "uid", "hold"} <= NEWER


def test_flags_and_values_are_told_apart_as_sbatch_does(slurm: Slurm) -> None:
    names = sorted(OPTIONS - NEWER - OURS)
    assert len(names) > 60
    given_a_value = said_of(slurm, [f"--{name}=x" for name in names])
    alone = said_of(slurm, [f"--{name}" for name in names])
    for name, with_value, without in zip(names, given_a_value, alone, strict=True):
        if "doesn't allow an argument" in with_value:
            assert directive(name, "true") == name
            assert directive(name, "false") is None
            with pytest.raises(ValueError, match="takes no value: write true or false"):
                directive(name, "x")
        else:
            assert directive(name, "x") == f"{name}=x"
            needed = "requires an argument" in without
            assert directive(name, "true") == (f"{name}=true" if needed else name)


@pytest.mark.parametrize("name", sorted(OURS))
def test_options_that_farmhand_writes_are_refused_with_the_key_to_use(name: str) -> None:
    with pytest.raises(ValueError, match=f"^'{name}' is not for here: "):
        directive(name, "x")
