from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.checks import Check, TextRule
from outputs.check import check_output, check_text_rule, needs_command
from outputs.facts import ShardFacts

FACTS = ShardFacts(1, "s1", None, 10, 10, 52, 2, 20, 42, "1.1.a")
RESULT = {"results": {"poi_hat": [0.5] * 10, "n_toys": 10, "name": "µ"}, "list": [{"a": 1}]}
GOOD = json.dumps(RESULT, indent=1, ensure_ascii=False).encode()


def verdict(tmp_path: Path, content: bytes, **rules: Any) -> str | None:
    path = tmp_path / "out"
    path.write_bytes(content)
    return check_output(str(path), "out", Check.model_validate(rules), FACTS)


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"json": True},
        {"json": {"keys": ["results.poi_hat", "list.0.a"]}},
        {"json": {"lengths": {"results.poi_hat": "shard.size"}}},
        {"json": {"lengths": {"results.poi_hat": "results.n_toys"}}},
        {"json": {"lengths": {"results.poi_hat": "10", "list": "1"}}, "min_size": "20 B"},
        {"json": True, "require": "poi_hat", "forbid": "NaN"},
    ],
)
def test_a_good_document_passes(tmp_path: Path, rules: dict[str, Any]) -> None:
    assert verdict(tmp_path, GOOD, **rules) is None


@pytest.mark.parametrize(
    ("content", "rules", "evidence"),
    [
        (b"", {"json": True}, "out is empty"),
        (b"", {"min_size": "1 B"}, "out is empty"),
        (b"", {"csv": True}, "out is empty"),
        (b" \n", {"json": True}, "out holds nothing but blanks"),
        (b"[1]", {"min_size": "100 B"}, "out is 3 bytes, min_size is 100 B"),
        (GOOD[:50], {"json": True}, "out: truncated JSON at byte 50"),
        (b'{"a": NaN, "b": [tr', {"json": True}, "out: truncated JSON at byte 19"),
        (b'{"\xc3\xa4": x}', {"json": True}, "out is not JSON at byte 7: Expecting value"),
        (b'{"a": "\xff"}', {"json": True}, "out is not UTF-8 at byte 7"),
        (b"\x00\x01", {"json": True}, "out is not JSON at byte 0: Expecting value"),
        (b"[" * 5000, {"json": True}, "out nests too deeply to be read as JSON"),
        (GOOD, {"json": {"keys": ["results.nll"]}}, "out has no results.nll"),
        (GOOD, {"json": {"keys": ["list.1"]}}, "out has no list.1"),
        (
            GOOD,
            {"json": {"lengths": {"results.poi_hat": "work.count"}}},
            "out: results.poi_hat has 10 values, planned 20",
        ),
        (
            GOOD,
            {"json": {"lengths": {"list": "results.n_toys"}}},
            "out: list has 1 values, results.n_toys says 10",
        ),
        (GOOD, {"json": {"lengths": {"results": "1"}}}, "out: results is not an array"),
        (
            GOOD,
            {"json": {"lengths": {"list": "results.name"}}},
            "out: list cannot be checked: results.name is not a whole number in this document",
        ),
        (b"a,b\n1,2\n", {"csv": {"header": ["a", "c"]}}, "out: the header is a, b, not a, c"),
        (b"a,b\n1,2\n", {"csv": {"rows": "shard.size"}}, "out has 1 rows, planned 10"),
        (b"a\n", {"csv": {"min_rows": 1}}, "out has 0 rows, at least 1 are asked for"),
        (b"a,b\n1\n", {"csv": True}, "out: data row 1 has 1 fields, the header 2"),
        (b'a,b\n1,"2\n', {"csv": True}, "out: line 2: unexpected end of data"),
        (b"\xff\xfea\x00", {"csv": True}, "out is UTF-16; write it as UTF-8"),
        (b"\n\n", {"csv": True}, "out has no header line"),
        (b"ok\nERROR: no\x1b[1m\n", {"forbid": "ERROR"}, "line 2 matches 'ERROR': ERROR: no"),
        (b"a,b\n1,2\n", {"csv": True, "require": "^9"}, "out: no line matches '^9'"),
        (b"started\n", {"require": "done"}, "out: no line matches 'done'"),
    ],
)
def test_each_fault_has_its_sentence(
    tmp_path: Path, content: bytes, rules: dict[str, Any], evidence: str
) -> None:
    found = verdict(tmp_path, content, **rules)
    assert found is not None
    assert evidence in found
    assert "\n" not in found


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": NaN, "b": Infinity, "c": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": 123456789012345678901234567890}',
        b"\xef\xbb\xbf[1]",
        b"[" * 500 + b"]" * 500,
    ],
)
def test_what_python_writes_is_json(tmp_path: Path, content: bytes) -> None:
    assert verdict(tmp_path, content, json=True) is None


def test_what_is_not_a_file(tmp_path: Path) -> None:
    check = Check()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, words in [
        ("none", "x does not exist"),
        ("", "x is not a regular file"),
        ("pipe", "x is not a regular file"),
        ("a\0b", "x cannot be read"),
        ("file/out", "x cannot be read: Not a directory"),
    ]:
        found = check_output(f"{tmp_path}/{name}", "x", check, None)
        assert found is not None
        assert words in found


def test_a_rule_on_an_unknown_size_is_no_silent_pass(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n1\n")
    check = Check.model_validate({"csv": {"rows": "shard.size"}})
    assert "nobody knows shard.size" in str(check_output(str(path), "t.csv", check, None))


@given(at=st.integers(0, len(GOOD) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_cut_anywhere_is_bad(tmp_path: Path, at: int) -> None:
    found = verdict(tmp_path, GOOD[:at], json=True)
    assert found == (f"out: truncated JSON at byte {at}" if at else "out is empty")


@given(content=st.binary(max_size=200), insert=st.integers(0, len(GOOD)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_a_check_raise(tmp_path: Path, content: bytes, insert: int) -> None:
    every = {
        "csv": {"rows": "shard.size"},
        "require": "x",
        "forbid": "y",
        "json": {"keys": ["a.b"], "lengths": {"a": "b.c"}},
    }
    damaged = GOOD[:insert] + content + GOOD[insert:]
    for data in (content, damaged):
        assert verdict(tmp_path, data, **every) is not None
        verdict(tmp_path, data, csv=True, forbid="y")


def test_a_log_is_searched_line_by_line_to_the_first_offence(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"ok\r\n" * 3 + b"x" * (3 << 20) + b"END\nFAILED\nFAILED again\n\xff\xfe")
    rule = TextRule(require="END$", forbid="^FAILED$")
    assert check_text_rule(str(path), "stderr", rule) == (
        "stderr: line 5 matches '^FAILED$': FAILED"
    )
    assert check_text_rule(str(path), "stderr", TextRule(require="ok$")) is None
    assert check_text_rule(str(path), "stderr", TextRule(forbid="^xEND")) is None
    path.write_bytes(b"a" + b"x" * (3 << 20) + b"END\n")
    assert check_text_rule(str(path), "stderr", TextRule(forbid="^x")) is None
    assert check_text_rule(str(path), "stderr", TextRule(require="xxxEND$")) is None
    assert check_text_rule(str(path), "stderr", TextRule(forbid="^END")) is None


def test_command_is_left_to_the_runners(tmp_path: Path) -> None:
    check = Check(command=("false",))
    assert needs_command(check)
    assert not needs_command(Check())
    path = tmp_path / "x"
    path.write_bytes(b"")
    assert check_output(str(path), "x", check, FACTS) is None


@pytest.mark.parametrize(
    "rules", [{"require": "("}, {"csv": {"rows": "shard.sise"}}, {"csv": {"delimiter": ",,"}}]
)
def test_rules_that_cannot_be_applied_are_refused_in_the_spec(rules: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate(rules)
