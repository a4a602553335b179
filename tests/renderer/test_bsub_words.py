from __future__ import annotations

import doctest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from manifest import lsf_requirements
from manifest.bsub_options import text_problem
from renderer import bsub_words
from renderer.bsub_words import bsub_line, bsub_minutes, bsub_size, path_problem
from tests.clusters.lsf.script import embedded, options

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT)
@example("select[hname!='n1']")
@example('done("a b")')
@example("it's # 1")
@example("-q")
@example("#x")
@example(" ")
@example("a\\")
def test_a_value_is_one_word_on_one_line_or_refused(value: str) -> None:
    """The reader is the stand-in's, written apart from the quoting."""
    if text_problem(value):
        with pytest.raises(ValueError, match=r"directive|needs a value|quotes|backslash|comment"):
            bsub_line("Jd", value)
        return
    for quoted in (True, False):
        lines = f"#!/bin/bash\n{bsub_line('Jd', value, quoted=quoted)}\n{bsub_line('x')}\necho\n"
        assert embedded(lines) == ["-Jd", value, "-x"]
        assert options(embedded(lines)) == ({"Jd": value, "x": ""}, [])


@given(TEXT)
def test_what_is_refused_has_a_reason(value: str) -> None:
    """Nothing is refused that the reader would bring back, but a backslash and other directives."""
    if text_problem(value) and value and value.isprintable() and "\\" not in value:
        both = '"' in value and "'" in value
        assert both or value.startswith("#") or "#BSUB" in value


def test_plain_values_stay_as_people_write_them() -> None:
    assert bsub_line("q", "1nh") == "#BSUB -q 1nh"
    assert bsub_line("q", "1nh 8nh") == '#BSUB -q "1nh 8nh"'
    assert bsub_line("W", "60") == "#BSUB -W 60"
    assert bsub_line("x") == "#BSUB -x"
    assert bsub_line("J", "a[1-3]%2") == '#BSUB -J "a[1-3]%2"'
    assert bsub_line("wa", "USR1", quoted=True) == '#BSUB -wa "USR1"'
    assert bsub_line("Jd", "-1") == '#BSUB -Jd "-1"'


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/a b/it's é #1", None),
        ('/a/"quoted"', None),
        ("/50%/r", "it has a %"),
        ("/a/$HOME", "it has a $"),
        ("/a/`x`", "it has a `"),
        ("/a\\b", "it has a \\"),
        ("/a/#BSUB -q x", "another directive"),
        ('/a/it\'s "both"', "both kinds of quotes"),
        ("/a\nb", "printable"),
        ("/" + "a" * 4100, "4094 bytes at most"),
    ],
)
def test_paths_that_lsf_can_be_told_of(path: str, why: str | None) -> None:
    problem = path_problem(path)
    assert (problem is None) == (why is None)
    assert why is None or why in str(problem)


@given(st.integers(1, 10**8))
def test_minutes_are_whole_and_enough(seconds: int) -> None:
    minutes = int(bsub_minutes(seconds))
    assert (minutes - 1) * 60 < seconds <= minutes * 60


@given(st.integers(1, 10**15), st.sampled_from(["KB", "MB", "GB", "TB"]))
def test_sizes_are_the_least_whole_number_that_is_enough(amount: int, unit: str) -> None:
    number = int(bsub_size(amount, unit))
    one = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}[unit]
    assert (number - 1) * one < amount <= number * one
    assert bsub_size(amount, "suffix") == bsub_size(amount, "MB") + "MB"


def test_what_the_docstrings_show() -> None:
    assert doctest.testmod(bsub_words).failed == doctest.testmod(lsf_requirements).failed == 0
