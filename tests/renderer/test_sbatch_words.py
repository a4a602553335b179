from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from renderer import sbatch_words
from renderer.sbatch_words import (
    sbatch_line,
    sbatch_option,
    sbatch_pattern,
    sbatch_size,
    sbatch_time,
)

TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))).filter(str.isprintable)


def as_sbatch_reads_it(line: str) -> list[str]:
    """The words of a directive line; test_sbatch_itself shows that the real reader is like this."""
    words: list[str] = []
    at, blanks = len("#SBATCH"), " \t\n\v\f\r"
    while True:
        while line[at : at + 1] and line[at] in blanks:
            at += 1
        if line[at : at + 1] in ("", "#"):
            return words
        word, quote = "", ""
        while at < len(line) and (quote or line[at] not in blanks):
            letter = line[at]
            at += 1
            if letter == "\\":
                word += line[at : at + 1]
                at += 1
            elif letter in "'\"" and quote in ("", letter):
                quote = "" if quote else letter
            elif letter == "#" and not quote:
                return [*words, word]
            else:
                word += letter
        assert not quote, "unmatched quote"
        words.append(word)


@given(TEXT)
@example('it\'s "a\\b" # c')
@example(" ")
@example("\u00a0\u3000")
def test_a_value_is_one_word_on_one_line(value: str) -> None:
    option = f"comment={value}"
    if not option.isprintable():
        with pytest.raises(ValueError, match="not one line of printable text"):
            sbatch_line(option)
        return
    line = sbatch_line(option)
    assert as_sbatch_reads_it(line) == [f"--{option}"]
    assert sbatch_option(line) == option


def test_plain_values_stay_as_people_write_them() -> None:
    assert sbatch_line("hold") == "#SBATCH --hold"
    assert sbatch_line("partition=a,b") == "#SBATCH --partition=a,b"
    assert sbatch_line("array=0-9%3") == "#SBATCH --array=0-9%3"
    assert sbatch_line("constraint=[a*2&b]|c") == "#SBATCH --constraint=[a*2&b]|c"
    assert sbatch_line("export=A=1,B") == "#SBATCH --export=A=1,B"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\u2028b", "a\x85b", "\udcff"])
def test_what_would_leave_its_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a directive"):
        sbatch_line(f"comment={text}")


def as_slurm_opens_it(pattern: str, chdir: str) -> str:
    """Where output goes, as test_sbatch_itself shows: job 7 on node n1."""
    path = pattern if pattern.startswith("/") else f"{chdir}/{pattern}"
    if "\\" in path:
        return re.sub(r"\\(.?)", r"\1", path)
    values = {"A": "7", "N": "n1", "j": "8", "%": "%"}
    return re.sub("%(.)", lambda m: values.get(m[1], m[0]), path)


@given(st.text(" %\\AjNx.é", max_size=12).map(lambda name: "/" + name))
def test_output_is_in_the_run_whatever_its_name(run: str) -> None:
    path = as_slurm_opens_it(sbatch_pattern(run, "logs/1", "%A.%N.out"), run)
    name = "jobs.out" if "\\" in run else "7.n1.out"
    assert path == f"{run}/logs/1/{name}"


@given(st.integers(0, 10**8))
def test_times_as_sbatch_reads_them(seconds: int) -> None:
    match = re.fullmatch(r"(?:(\d+)-)?(\d\d):(\d\d):(\d\d)", sbatch_time(seconds))
    assert match
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    assert ((days * 24 + hours) * 60 + minutes) * 60 + rest == seconds
    assert (hours < 24, minutes < 60, rest < 60) == (True, True, True)
    assert match[1] != "0"


@given(st.integers(1, 10**15))
def test_sizes_are_the_least_whole_mib_that_is_enough(amount: int) -> None:
    match = re.fullmatch(r"(\d+)M", sbatch_size(amount))
    assert match
    assert (int(match[1]) - 1) << 20 < amount <= int(match[1]) << 20


def test_what_the_docstrings_show() -> None:
    assert doctest.testmod(sbatch_words).failed == 0
