"""Merged results of the same work are compared, however it was cut."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import UserError
from outputs.agree import difference

if TYPE_CHECKING:
    from pathlib import Path

TOYS: dict[str, Any] = {
    "parameter_names": ["mu", "b"],
    "poi_index": 0,
    "gen": {"seed": 42, "n_toys": 3},
    "results": {
        "n_toys": 3,
        "n_converged": 3,
        "n_error": 0,
        "converged": [True, True, True],
        "poi_hat": [1.0, 1.25, None],
        "poi_sigma": [0.5, 0.5, 0.5],
        "nll": [10.0, 11.0, 12.0],
    },
    "summary": {"mean": 1.125},
    "merge": {"n_shards": 1},
}


def both(folder: Path, one: object, other: object, name: str = "merged.json") -> tuple[str, str]:
    paths = []
    for number, content in enumerate((one, other)):
        path = folder / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        paths.append(str(path))
    return paths[0], paths[1]


def test_toys_agree_toy_for_toy_whatever_the_shards_round(tmp_path: Path) -> None:
    other = TOYS | {"summary": {"mean": 1.125000001}, "merge": {"n_shards": 8}}
    assert difference("toys", *both(tmp_path, TOYS, other)) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"poi_hat": [1.0, 1.5, None]}, "poi_hat of toy 1: 1.25 and 1.5 (1 of 3 toys differ)"),
        ({"poi_hat": [1.0, 1.25, 0.0]}, "poi_hat of toy 2: None and 0.0 (1 of 3 toys differ)"),
        ({"nll": [0.0, 0.0, 0.0]}, "nll of toy 0: 10.0 and 0.0 (3 of 3 toys differ)"),
        ({"n_error": 1}, "n_error: 0 and 1"),
        ({"n_toys": 2}, "n_toys: 3 and 2"),
    ],
)
def test_toys_that_differ(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    other = TOYS | {"results": TOYS["results"] | change}
    assert difference("toys", *both(tmp_path, TOYS, other)) == told


def test_toys_of_another_seed(tmp_path: Path) -> None:
    other = TOYS | {"gen": {"seed": 43}}
    assert difference("toys", *both(tmp_path, TOYS, other)) == "gen.seed: 42 and 43"


def test_rows_are_compared_byte_for_byte(tmp_path: Path) -> None:
    assert difference("csv", *both(tmp_path, "a,b\n1,2\n", "a,b\n1,2\n")) is None
    assert difference("csv", *both(tmp_path, "a,b\n1,2\n", "a,b\n1,2.0\n")) == (
        "line 2: '1,2' and '1,2.0'"
    )
    assert difference("csv", *both(tmp_path, "a\n1\n", "a\n")) == "one ends at line 2"


def test_sums_may_differ_by_rounding_and_by_no_more(tmp_path: Path) -> None:
    assert difference("counters", *both(tmp_path, "w: 0.3\n", "w: 0.30000000000000004\n")) is None
    assert difference("counters", *both(tmp_path, "n: 300\n", "n: 301\n")) == (
        "line 1: 'n: 300' and 'n: 301'"
    )
    assert difference("counters", *both(tmp_path, "n: 3\n", "m: 3\n")) is not None


def test_components_are_compared_file_by_file(tmp_path: Path) -> None:
    both(tmp_path, "n: 0.3\n", "n: 0.30000000000000004\n", "a/c.yaml")
    both(tmp_path, "run: one\n", "run: other\n", "a/processing.yaml")
    places = str(tmp_path / "0"), str(tmp_path / "1")
    assert difference(None, *places) is None
    (tmp_path / "1/a/c.yaml").write_text("n: 4\n")
    assert difference(None, *places) == "a/c.yaml: line 1: 'n: 0.3' and 'n: 4'"
    (tmp_path / "0/a/more.txt").touch()
    assert difference(None, *places) == "a/more.txt is in only one of them"


def test_root_files_are_compared_by_what_is_in_them(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    paths = []
    for number, entries in enumerate(([1.0, 2.0], [1.0, 2.0], [1.0])):
        paths.append(str(tmp_path / f"{number}.root"))
        with uproot.recreate(paths[-1]) as file:
            file.mktree("T", {"x": "float64"})
            file["T"].extend({"x": entries})
    assert difference("root", paths[0], paths[1]) is None
    told = difference("root", paths[0], paths[2])
    assert told is not None
    assert "has 1 entries in the tree 'T'" in told


@pytest.mark.parametrize("content", ["", "{", "{}", "[]"])
def test_results_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError, match="merged results cannot be compared"):
        difference("toys", *both(tmp_path, TOYS, content))
