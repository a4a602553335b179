"""Whatever bytes a ROOT file holds, reading it gives a sentence, never a crash."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.checks import Check
from outputs.check import check_output
from outputs.facts import ShardFacts
from outputs.root_file import RootError, read_root
from outputs.root_header import problem_of

FACTS = ShardFacts(1, "s1", None, 10, 10, 52, 2, 20, 42, "1.1.a")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("root") / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("events", {"x": np.float64})
        file["events"].extend({"x": np.arange(10.0)})
        file["h"] = np.histogram(np.arange(5.0))
    return path.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes") / "a.root"


@pytest.mark.parametrize("seed", range(60))
def test_changed_bytes(whole: bytes, place: Path, seed: int) -> None:
    """Not by hypothesis: uproot's caches make the same bytes behave in more than one way."""
    drawn = random.Random(seed)
    changed = bytearray(whole)
    for _ in range(drawn.choice((1, 2, 5, 50))):
        changed[drawn.randrange(len(whole))] = drawn.randrange(256)
    place.write_bytes(changed)
    said = check_output(str(place), "out", Check.model_validate({"root": "true"}), None)
    assert said is None or said.startswith(("out is ", "out was ", "out holds "))


def test_changed_bytes_of_the_header_and_of_the_list_of_free_segments(
    whole: bytes, place: Path
) -> None:
    """All of them, one by one: this part of a file is read by ourselves, not by uproot."""
    free = int.from_bytes(whole[16:20])
    for where in (*range(64), *range(free, min(free + 64, len(whole)))):
        for flipped in (0x01, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[where] ^= flipped
            place.write_bytes(changed)
            said = problem_of(str(place))
            assert said is None or said.startswith(("is ", "was ")), (where, flipped)


def test_a_header_that_ends_before_it_begins(whole: bytes, place: Path) -> None:
    changed = bytearray(whole)
    changed[12] ^= 0x80  # the sign of the end
    changed[20:24] = (1).to_bytes(4)  # no room for a free segment that says otherwise
    place.write_bytes(changed)
    assert str(problem_of(str(place))).startswith("was never closed")


@settings(deadline=None, max_examples=60)
@given(end=st.integers(0, 1 << 16))
def test_a_file_that_ends_anywhere_is_truncated(whole: bytes, place: Path, end: int) -> None:
    place.write_bytes(whole[: end % len(whole)])
    with pytest.raises(RootError, match=r"truncated|empty|not a ROOT file"):
        read_root(str(place))


@pytest.mark.parametrize(
    ("rules", "evidence"),
    [
        ({}, None),
        ({"keys": ["h", "events"], "trees": {"events": "shard.size"}}, None),
        ({"keys": ["nosuch"]}, "out has no object 'nosuch'; it has events, h"),
        ({"trees": {"nosuch": "1"}}, "out has no tree 'nosuch'"),
        ({"trees": {"h": "1"}}, "out has no tree 'h', but a TH1D of that name"),
        ({"trees": {"events": "11"}}, "out has 10 entries in the tree 'events', planned 11"),
    ],
)
def test_rules(whole: bytes, place: Path, rules: dict[str, object], evidence: str | None) -> None:
    place.write_bytes(whole)
    check = Check.model_validate({"root": rules})
    assert check_output(str(place), "out", check, FACTS) == evidence


@pytest.mark.parametrize("text", [b"<html>404</html>", b"root:x:0:0:root:/root:/bin/bash\n"])
def test_what_is_no_root_file(place: Path, text: bytes) -> None:
    place.write_bytes(text * 10)
    check = Check.model_validate({"root": "true"})
    assert check_output(str(place), "out", check, None) == "out is not a ROOT file"
