from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.timing import USUAL, Phase
from outputs import tag_log
from outputs.tag_log import LogReader, Pair
from outputs.tag_pattern import Tag, literal_in

S, E = 1_634_567_890, 1_634_570_490


def read(path: Path, text: str | bytes, phases: dict[str, Phase] | None = None) -> dict[str, Pair]:
    log = path / "job.out"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = LogReader(phases or USUAL).read(str(log))
    assert found is not None
    return dict(found.pairs)


def test_a_log_of_the_ecce_shape(tmp_path: Path) -> None:
    text = (
        f"bla\n START -- {S}\n START DST -- {S + 10}\nevent 1\n END DST -- {S + 100}\n"
        f" START EVAL -- {S + 110}\n END EVAL -- {S + 130}\n END -- {S + 150}\nbye\n"
    )
    pairs = read(tmp_path, text)
    assert {name: pair.seconds for name, pair in pairs.items()} == {
        "total": 150,
        "dst": 90,
        "eval": 20,
    }


@pytest.mark.parametrize(
    ("text", "seconds", "problem"),
    [
        (f"START -- {S}\nEND -- {E}", 2600, None),
        (f"START -- {S}.25\r\nEND -- {E}.75\r\n", 2600.5, None),
        (f" 10%\r 90%\r START -- {S}\r 100%\n END -- {E}\n", 2600, None),
        (f"job 7\tSTART -- {S}\nEND -- {S}\n", 0, None),
        # `set -x` shows the command before it is run: the last of both counts
        (f"+ echo ' START -- {S}'\nSTART -- {S}\n+ echo ' END -- {E}'\nEND -- {E}\n", 2600, None),
        (f"START -- {S}\n", None, "unfinished"),
        (f"START -- {S}\nRESTART --\nTHE_END -- {E}\n", None, "unfinished"),
        (f"END -- {E}\n", None, "no_start"),
        (f"START -- {E}\nEND -- {S}\n", None, "reversed"),
        (f"END -- {E}\nSTART -- {S}\n", None, "reversed"),
        ("START -- Tue Oct 19 10:00:00 UTC 2021\nEND -- Tue Oct 19 11:00:00 UTC 2021\n", None,
         "no_time"),
        (f"START -- {S}\nEND -- \n", None, "no_time"),
        (f"START -- {S}\nEND -- {E}000\n", None, "no_time"),
        (f"START -- {S}\nEND -- nan\n", None, "no_time"),
        (f"START --{S}\nEND -- -{E}\n", None, "no_time"),
        ("", None, "no_tags"),
        ("START - 1\n", None, "no_tags"),
        # started again in the same file
        (f"START -- {S}\nSTART -- {S + 1000}\nEND -- {E}\n", 1600, None),
        (f"START -- {S}\nEND -- {E}\nSTART -- {E + 5}\nEND -- {E + 9}\n", 4, None),
        (f"START -- {S}\nEND -- {E}\nSTART -- {E + 5}\n", None, "unfinished"),
        (f"START -- {S}\nEND -- {S + 1}\nEND -- {E}\n", 2600, None),
    ],
)  # fmt: skip
def test_what_a_log_says(
    tmp_path: Path, text: str, seconds: float | None, problem: str | None
) -> None:
    pair = read(tmp_path, text)["total"]
    assert (pair.seconds, pair.problem) == (seconds, problem)


def test_bytes_that_are_no_text_and_lines_without_end(tmp_path: Path) -> None:
    noise = b"\xff\x00\x80" * 200_000
    text = b"START -- %d\n" % S + noise + b"\nEND -- %d\n" % E + noise
    assert read(tmp_path, text)["total"].seconds == 2600


PIECES = st.sampled_from(
    [f"START -- {S}\n", f" END -- {E}\n", "START DST -- x\n", f"END DST -- {E}", "noise\n", "\r",
     f"START -- {S + 7} \n", "\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.integers(1, 40))
def test_it_does_not_matter_where_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    whole = read(folder, "".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tag_log, "_PIECE", size)
        assert read(folder, "".join(texts)) == whole


def test_a_group_is_the_time_and_may_count_from_anywhere(tmp_path: Path) -> None:
    phase = Phase(start=r"t=(\S+)s: begin", end=r"t=(\S+)s: end")
    pairs = read(tmp_path, "t=0.5s: begin it\nt=2s: end it\n", {"sim": phase})
    assert pairs["sim"].seconds == 1.5


def test_a_pattern_without_any_plain_text(tmp_path: Path) -> None:
    phase = Phase(start=r"^(?i:begin|start)\b", end=r"^(?:done|ended)")
    text = f"not begin {S}\nBEGIN {S}\nwhile it ended {E}\ndone {E}\n"
    assert read(tmp_path, text, {"sim": phase})["sim"].seconds == 2600


def test_a_pipe_among_the_logs_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.out")
    found = LogReader(USUAL).read(str(tmp_path / "pipe.out"))
    assert found is not None
    assert found.pairs["total"].problem == "no_tags"
    assert LogReader(USUAL).read(str(tmp_path)) is None
    assert LogReader(USUAL).read(str(tmp_path / "none.out")) is None


@pytest.mark.parametrize(
    "pattern",
    [r"(?<!\S)START DST --", r"Start time: *(\d+)", "a|bcd", "ab?cde", "xy{0,2}zz", "(abc)?d",
     r"[abc]defg[^]x]h", r"a\.b\d+cc", r"\x41bc", "(?i)abc", r"ab+cd", "é?ab", r"^ab$", "a{b", "a*",
     r"\$\(x\)", "x(a|b(c))yz", r"(\w)\1end", "(?P<t>x)(?:y)?zz"],
)  # fmt: skip
def test_a_literal_is_in_every_match(pattern: str) -> None:
    literal = literal_in(pattern).encode()

    @given(st.from_regex(re.compile(pattern.encode())))
    def every(line: bytes) -> None:
        assert literal in line

    every()


def test_literals_are_found_where_they_are_plain() -> None:
    assert [literal_in(phase.start) for phase in USUAL.values()] == [
        "START --",
        "START DST --",
        "START EVAL --",
    ]
    assert Tag.of(r"(a|b) took \d+ s").literal == b" took "


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("(", "b", "not a regular expression"),
        ("(a)(b)", "b", "2 groups"),
        ("", "b", "in every line"),
        ("a", "a", "the same"),
    ],
)
def test_patterns_that_will_not_do(start: str, end: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Phase(start=start, end=end)
