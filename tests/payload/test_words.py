"""Arguments and texts reach the command and the record byte for byte."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from .conftest import Run, word

SHOW = "import sys,os; os.write(1, b'\\0'.join(os.fsencode(a) for a in sys.argv[1:]))"
EVERY_BYTE = bytes(range(1, 256))
NASTY = [
    b"",
    b" ",
    b"-n",
    b"*",
    b"~",
    b"$HOME `id` \\ \"'",
    b"%s {} {# #} {% x %} ${#a[@]}",
    b"a\r\n",
]

words = st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"")), max_size=5)


def fresh() -> Run:
    return Run(Path(tempfile.mkdtemp()) / "run")


@settings(max_examples=25, deadline=None)
@given(fixed=words, varying=words)
@example(fixed=[EVERY_BYTE], varying=NASTY)
@example(fixed=NASTY, varying=[EVERY_BYTE, b"x" * 100_000])
def test_arguments_arrive_byte_for_byte(fixed: list[bytes], varying: list[bytes]) -> None:
    run = fresh()
    places = [f'"${{{place + 1}}}"' for place in range(len(varying))]
    run.write(
        argv=[word(sys.executable), "-c", word(SHOW), *map(word, fixed), *places],
        rows=["", " ".join(map(word, varying))],
    )
    assert run(1, env={"LC_ALL": "C.UTF-8"}).returncode == 0
    assert (run.attempt(1) / "stdout").read_bytes() == b"\0".join(fixed + varying)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=[]), max_size=30))
@example("".join(map(chr, range(1, 128))))
@example("é ü ß € 日本 \U0001f600 \ud7ff \ue000 \uffff \U00010000 \U0010ffff")
@example(os.fsdecode(EVERY_BYTE))
@example(
    os.fsdecode(
        b"\xc3 \xe2\x82 \xf0\x9f\x98 \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82\xacx\xff"
    )
)
@example("plain")
@example("=")
def test_any_text_is_valid_json_in_the_record(text: str) -> None:
    raw = text.encode("utf-8", "surrogateescape" if _escaped(text) else "surrogatepass")
    run = fresh()
    run.write(rows=[word(raw)], workdir='"$FARMHAND_RUN"/no/"${1}"')
    call = [os.fsencode(each) for each in run.call(native="@", scheduler="local")]
    call[call.index(b"@")] = raw or b"-"
    os.spawnvp(os.P_WAIT, "bash", call)
    [path] = (run.path / "records/0").iterdir()
    assert path.read_bytes().isascii()
    start, end = map(json.loads, path.read_bytes().splitlines())
    if raw and not raw.startswith(b"="):  # =ID makes ID the attempt's name
        assert start["native_id"] == expected(raw)
    assert end["note"].endswith("/no/" + expected(raw))
    assert path.name == f"0.{start['attempt']}.jsonl"


def _escaped(text: str) -> bool:
    return any("\udc80" <= each <= "\udcff" for each in text)


def expected(raw: bytes) -> str:
    """UTF-8 as it is; every byte that is not part of it as the character of its number."""
    decoded = raw.decode("utf-8", "surrogateescape")
    return "".join(chr(ord(c) - 0xDC00) if "\udc80" <= c <= "\udcff" else c for c in decoded)
