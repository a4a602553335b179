from typing import Any

from reports.pool_table import outcome, outcome_lines


def row(shard: int, cause: str | None = None, seconds: float = 0, size: int = 0) -> dict[str, Any]:
    good = cause is None
    attempt = {
        "attempt": "1.2.a",
        "wall_s": seconds,
        "outputs": [{"name": "o", "bytes": size, "problem": None if good else "o is missing"}],
    }
    return {
        "shard_index": shard,
        "name": f"s{shard}",
        "state": "succeeded" if good else "failed",
        "cause": cause,
        "accepted_attempts": ["1.2.a"] if good else [],
        "attempts": [attempt] if good else [attempt | {"attempt": "0.0.b"}, attempt],
    }


def kind(shard: int) -> str:
    return "HNL_2p6GeV_muon_direct_and_a_long_rest" if shard > 2 else "W"


ROWS = [
    row(0, None, 70, 3 << 20),
    row(1, "oom"),
    row(2, "exit_code"),
    row(3, None, 7200, 900),
    row(4, None, 75600, 500),
    row(5, None, 72000, 800),
]


def test_a_row_a_kind_and_a_line_an_output() -> None:
    lines = outcome_lines(outcome(ROWS, kind, ["o"]), {"o": 100}, 80)
    assert lines == [
        "kind                       shards   good tries  median longest   output  failed",
        "W                               3      1     5   1m10s   1m10s     3 MB",
        "    1 oom, 1 exit_code",
        "HNL_2p6GeV_muon_direct_...      3      3     3  20h00m  21h00m 2.148 KB",
        "output o: 4 of 6 there, 3.002 MB, smallest 500 B (s4), min_size 100 B",
    ]
    assert max(map(len, lines)) <= 80


def test_nothing_done_has_no_times_and_no_sizes() -> None:
    lines = outcome_lines(outcome([row(0, "timeout")], kind, ["o"]), {"o": None}, 80)
    assert lines[1].split() == ["W", "1", "0", "2", "-", "-", "-", "1", "timeout"]
    assert lines[2] == "output o: 0 of 1 there"


def test_of_many_kinds_those_with_failures_are_shown() -> None:
    rows = [row(shard, "oom" if shard == 99 else None, 1, 1) for shard in range(100)]
    lines = outcome_lines(outcome(rows, lambda shard: f"k{shard}", []), {}, 80)
    assert lines[1].startswith("k99 ")
    assert lines[-1] == "... and 60 more kinds: 60 shards, 60 good"


def test_a_shard_that_several_attempts_finished_has_its_output_once() -> None:
    first, second = row(0, None, 1, 500), row(0, None, 1, 700)
    second["attempts"][0]["attempt"] = "2.3.b"
    both = first | {
        "accepted_attempts": ["1.2.a", "2.3.b"],
        "attempts": first["attempts"] + second["attempts"],
    }
    lines = outcome_lines(outcome([both], kind, ["o"]), {"o": None}, 80)
    assert lines[2] == "output o: 1 of 1 there, 1.172 KB, smallest 500 B (s0)"


def test_times_of_milliseconds_stay_in_their_columns() -> None:
    lines = outcome_lines(outcome([row(0, None, 0.007012, 2)], kind, ["o"]), {}, 80)
    assert lines[1] == "W         1      1     1 0.0070s 0.0070s      2 B"
    assert len(lines[1]) == lines[0].index("output") + len("output")
