"""Merging toy studies, on documents made here to nextstat's shape."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import Refusal
from outputs import toys_summary
from outputs.facts import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.outputs.conftest import Desk, MakeFacts

SIZES = [4, 3, 3]
COUNT = sum(SIZES)


def toy(seed: int) -> dict[str, Any]:
    """One toy by its seed: some are without a result, some have not converged."""
    rng = random.Random(seed)
    if seed % 7 == 6:
        return dict.fromkeys(("converged", "poi_hat", "poi_sigma", "nll"))
    hat, sigma = rng.gauss(1, 0.1), rng.uniform(0.05, 0.2)
    return {"converged": seed % 5 != 4, "poi_hat": hat, "poi_sigma": sigma, "nll": rng.gauss(0, 9)}


def document(seed: int, n_toys: int) -> dict[str, Any]:
    """What an unsharded run of these seeds writes."""
    made = [toy(seed + i) for i in range(n_toys)]
    results: dict[str, Any] = {name: [t[name] for t in made] for name in made[0]}
    converged = results["converged"]
    results |= {
        "n_toys": n_toys,
        "n_error": converged.count(None),
        "n_validation_error": converged.count(None),
        "n_computation_error": 0,
        "n_converged": converged.count(True),
        "n_nonconverged": converged.count(False),
        "poi_true": 1.0,
        "optimizer_diagnostics": None,
    }
    pulls = toys_summary.pulls(results)
    mean, std = toys_summary.moments(pulls)
    fractions = [sum(abs(p) < limit for p in pulls) / len(pulls) for limit in (1.0, 2.0)]
    by_param = {
        "only_converged": True,
        "n_ok": [len(pulls), None],
        "mean": [mean, None],
        "std": [std, None],
        "frac_abs_lt_1": [fractions[0], None],
        "frac_abs_lt_2": [fractions[1], None],
    }
    return {
        "input_schema_version": "nextstat_unbinned_spec_v0",
        "parameter_names": ["mu", "bkg"],
        "poi_index": 0,
        "gen": {"point": "init", "params": [1.0, 2.0], "overrides": {}, "seed": 42, "n_toys": 10},
        "shard": None,
        "results": results,
        "summary": toys_summary.summarise(results, by_param),
        "guardrails": toys_summary.guard(
            {
                "require_all_converged": True,
                "max_abs_poi_pull_mean": 0.001,
                "poi_pull_std_range": [0.99, 1.01],
            },
            results,
        ),
    }


def shard(index: int, sizes: list[int] = SIZES) -> dict[str, Any]:
    """What ``--shard index/len(sizes)`` writes."""
    start = sum(sizes[:index])
    made = document(42 + start, sizes[index])
    made["shard"] = {
        "shard_index": index,
        "shard_total": len(sizes),
        "shard_start": start,
        "shard_n_toys": sizes[index],
    }
    return made


def by_hand(index: int) -> dict[str, Any]:
    """What ``--n-toys SIZE --seed SEED`` writes."""
    start = sum(SIZES[:index])
    made = document(42 + start, SIZES[index])
    made["gen"] |= {"seed": 42 + start, "n_toys": SIZES[index]}
    return made


@pytest.fixture
def sources_of(desk: Desk, make_facts: MakeFacts) -> Callable[..., list[Source]]:
    def make(documents: list[dict[str, Any]], *, planned: bool = True) -> list[Source]:
        contents = [json.dumps(made, indent=2).encode() for made in documents]
        sources = desk.sources(contents, planned=planned)
        if not planned:
            return sources
        return [
            dataclasses.replace(source, facts=make_facts(index, SIZES))
            for index, source in enumerate(sources)
        ]

    return make


def without_merge(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    merged = json.loads(desk.result())
    return merged, merged.pop("merge")


@pytest.mark.parametrize("make", [shard, by_hand])
@pytest.mark.parametrize("planned", [True, False])
def test_shards_merge_into_the_unsharded_document(
    desk: Desk, sources_of: Any, make: Any, planned: bool
) -> None:
    sources = sources_of([make(i) for i in range(3)], planned=planned)
    report = desk.merge(list(reversed(sources)), kind="toys")
    merged, block = without_merge(desk)
    assert merged == document(42, COUNT)
    assert (block["schema"], block["complete"]) == ("farmhand.merge.toys.v1", True)
    assert (block["n_shards"], block["missing"]) == (3, [])
    assert block["run"] == {"run_id": "r1", "plan_id": "p1"}
    assert [row["start"] for row in block["sources"]] == [0, 4, 7]
    assert [row["seed"] for row in block["sources"]] == [42, 46, 49]
    assert [row["n_toys"] for row in block["sources"]] == SIZES
    assert report.rows == COUNT
    assert not report.passed
    assert any("require_all_converged violated (n_validation_error=" in w for w in report.warnings)
    assert desk.left() == ["merged.out"]


def put(made: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        made = made[name]
    made[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("input_schema_version", "v1", r"input_schema_version is v1, shard 0 \(s0\) has nextstat"),
        ("parameter_names", ["mu", "b"], "parameter_names is"),
        ("poi_index", 1, "poi_index is 1"),
        ("gen.point", "mle", "gen.point is mle"),
        ("gen.params", [1.0, 2.1], "gen.params is"),
        ("gen.overrides", {"mu": 1}, "gen.overrides is"),
        ("results.poi_true", 1.2, "results.poi_true is 1.2"),
        ("guardrails.max_abs_poi_pull_mean", 5, "guardrails.max_abs_poi_pull_mean is 5"),
        ("results.extra", 1, "the list of results is"),
        ("gen.seed", 43, "gen.seed is 43, planned 42"),
        ("gen.n_toys", 11, "gen.n_toys is 11, planned 10"),
        ("shard.shard_index", 2, "shard.shard_index is 2, planned 1"),
        ("shard.shard_total", 4, "shard.shard_total is 4, planned 3"),
        ("shard.shard_start", 5, "shard.shard_start is 5, planned 4"),
        ("shard.shard_n_toys", 4, "shard.shard_n_toys is 4, planned 3"),
        ("results.poi_hat", [1.0], "results.poi_hat has 1 values, n_toys is 3"),
        ("results.nll", ["a"] * 3, "results.nll holds values that are no numbers"),
        ("results.converged", None, "has no array results.converged"),
        ("results", None, "has no results: it is not an unbinned-fit-toys result"),
        ("gen.seed", "42", "gen.seed is not a whole number"),
        ("shard", None, "gen.seed is 42, planned 46"),
        ("poi_index", 7, "poi_index is not the index of one of parameter_names"),
    ],
)
def test_refusals_name_the_shard(
    desk: Desk, sources_of: Any, path: str, value: object, words: str
) -> None:
    documents = [shard(i) for i in range(3)]
    put(documents[1], path, value)
    with pytest.raises(Refusal, match=r"not merged: shard 1 \(s1\): .*" + words):
        desk.merge(sources_of(documents), kind="toys")
    assert desk.left() == []


def test_a_shard_with_other_sizes_than_planned(desk: Desk, sources_of: Any) -> None:
    documents = [shard(0), by_hand(1), by_hand(2)]
    short = document(46, 2)
    short["gen"] |= {"seed": 46, "n_toys": 3}
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): results.n_toys is 2, planned 3"):
        desk.merge(sources_of([by_hand(0), short, by_hand(2)]), kind="toys")
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): shard is has none, shard 0 \(s0\) has"):
        desk.merge(sources_of(documents), kind="toys")


def test_truncated_and_placeholder_outputs(desk: Desk, sources_of: Any) -> None:
    sources = sources_of([shard(i) for i in range(3)])
    whole = Path(sources[2].path).read_bytes()
    for content, words in [
        (whole[:100], r"shard 2 \(s2\): truncated JSON at byte 100"),
        (b'{"error": "job failed", "rc": 1}', r"shard 2 \(s2\): has no gen"),
        (b'{"gen": NaN}', r"shard 2 \(s2\): not JSON"),
        (b"[]", r"shard 2 \(s2\): is not a JSON object"),
        (b"", r"shard 2 \(s2\): is empty"),
    ]:
        Path(sources[2].path).write_bytes(content)
        with pytest.raises(Refusal, match=words):
            desk.merge(sources, kind="toys")


def test_missing_shards_are_said_in_the_output(desk: Desk, sources_of: Any) -> None:
    sources = sources_of([shard(i) for i in range(3)])
    report = desk.merge([sources[0], sources[2]], (sources[1].facts,), kind="toys")
    merged, block = without_merge(desk)
    assert block["complete"] is False
    assert block["missing"] == [
        {"shard_index": 1, "name": "s1", "component": None, "start": 4, "size": 3}
    ]
    assert (merged["gen"]["n_toys"], merged["results"]["n_toys"]) == (10, 7)
    assert merged["summary"]["n_ok"] == sum(h is not None for h in merged["results"]["poi_hat"])
    assert ("missing", "1 shards") in report.table


def test_ranges_of_the_plan_must_tile_the_study(desk: Desk, sources_of: Any) -> None:
    sources = sources_of([shard(i) for i in range(3)])
    moved = dataclasses.replace(sources[1].facts, start=3)
    sources[1] = dataclasses.replace(sources[1], facts=moved)
    with pytest.raises(Refusal, match=r"overlapping ranges of shards 0 \(s0\) and 1 \(s1\)"):
        desk.merge(sources, kind="toys")


def test_files_nobody_planned(desk: Desk, sources_of: Any) -> None:
    documents = [shard(i) for i in range(3)]
    two = sources_of(documents, planned=False)
    with pytest.raises(Refusal, match="of 3 shards 1 is not among the files"):
        desk.merge([two[0], two[2]], kind="toys")
    desk.merge([two[0], two[2]], kind="toys", allow_partial=True)
    block = without_merge(desk)[1]
    assert (block["complete"], block["missing"]) == (False, [{"shard_index": 1}])

    again = sources_of([shard(0), shard(1), shard(1)], planned=False)
    with pytest.raises(Refusal, match="of 3 shards 2 is not among the files"):
        desk.merge(again, kind="toys")
    with pytest.raises(Refusal, match="shards/s2: is shard 1, as shards/s1 is"):
        desk.merge(again, kind="toys", allow_partial=True)

    gapped = sources_of([by_hand(0), by_hand(2)], planned=False)
    with pytest.raises(Refusal, match="s1: its first seed is 49, but shards/s0 ends at 45"):
        desk.merge(gapped, kind="toys")

    other = [shard(0), shard(1, [4, 4, 2]), shard(2)]
    with pytest.raises(Refusal, match="shards/s2: shard 2 starts at toy 7, not 8"):
        desk.merge(sources_of(other, planned=False), kind="toys")


def test_shards_with_one_seed_made_the_same_toys(desk: Desk, sources_of: Any) -> None:
    sources = sources_of([by_hand(0), by_hand(1), by_hand(1)])
    no_seed = [
        dataclasses.replace(s, facts=dataclasses.replace(s.facts, seed=None, base_seed=None))
        for s in sources
    ]
    with pytest.raises(Refusal, match=r"shard 2 \(s2\): uses seeds from 46 on, which shard 1"):
        desk.merge(no_seed, kind="toys")


def test_components_are_different_studies(desk: Desk, sources_of: Any) -> None:
    sources = sources_of([shard(i) for i in range(3)])
    mixed = [
        dataclasses.replace(
            s, facts=dataclasses.replace(s.facts, component=name, start=0, count=s.facts.size)
        )
        for s, name in zip(sources, "aab", strict=True)
    ][1:]
    with pytest.raises(Refusal, match=r"toys of 2 components \(a, b\) are different studies"):
        desk.merge(mixed, kind="toys")


def test_a_shard_of_a_later_component_has_its_own_index(desk: Desk, sources_of: Any) -> None:
    moved: list[Source] = [
        dataclasses.replace(
            s, facts=dataclasses.replace(s.facts, component="b", index=s.facts.index + 100)
        )
        for s in sources_of([shard(i) for i in range(3)])
    ]
    desk.merge(moved, kind="toys")
    assert without_merge(desk)[0] == document(42, COUNT)


def test_a_fitted_point_may_differ_in_its_last_digits(desk: Desk, sources_of: Any) -> None:
    documents = [shard(i) for i in range(3)]
    documents[2]["gen"]["params"] = [math.nextafter(1.0, 2), 2.0]
    report = desk.merge(sources_of(documents), kind="toys")
    assert "the generation point differs in its last digits in shard 2 (s2)" in report.warnings


def test_what_cannot_be_merged_is_null_with_a_note(desk: Desk, sources_of: Any) -> None:
    documents = [shard(i) for i in range(3)]
    for index, made in enumerate(documents):
        made["summary"]["mean_ci"] = {"lower": 0.1}
        made["results"]["optimizer_diagnostics"] = {"n": index}
    desk.merge(sources_of(documents), kind="toys")
    merged, block = without_merge(desk)
    assert merged["summary"]["mean_ci"] is None
    assert merged["results"]["optimizer_diagnostics"] is None
    assert len(block["notes"]) == 2


def test_pulls_need_a_converged_fit_and_an_uncertainty() -> None:
    results = {
        "poi_true": 1.0,
        "converged": [True, False, None, True, True],
        "poi_hat": [1.5, 9.0, None, 2.0, 3.0],
        "poi_sigma": [0.5, 1.0, None, 0.0, None],
    }
    assert toys_summary.pulls(results) == [1.0]
    summary = toys_summary.summarise(results, None)
    assert summary is not None
    assert (summary["n_ok"], summary["q50"]) == (4, 3.0)
    assert summary["pull"]["n_ok"] == 1
    assert "pulls_by_param" not in summary


def test_no_toy_with_a_result(desk: Desk, sources_of: Any) -> None:
    documents = [shard(i) for i in range(3)]
    for made in documents:
        n = made["results"]["n_toys"]
        made["results"] |= {k: [None] * n for k in ("poi_hat", "poi_sigma", "nll", "converged")}
        made["summary"] = None
    desk.merge(sources_of(documents), kind="toys")
    merged = without_merge(desk)[0]
    assert merged["summary"] is None
    assert merged["guardrails"]["poi_pull_mean"] is None
    assert any("POI pull summary is unavailable" in f for f in merged["guardrails"]["failures"])


@given(
    groups=st.lists(
        st.lists(st.floats(-50, 50), min_size=0, max_size=6), min_size=1, max_size=5
    ).filter(any)
)
@settings(deadline=None)
def test_pooled_moments_are_those_of_the_pooled_sample(groups: list[list[float]]) -> None:
    def part(sample: list[float]) -> dict[str, Any]:
        if not sample:
            return {"n_ok": [None], "mean": [None], "std": [None]} | {
                name: [None] for name in toys_summary.FRACTIONS
            }
        mean, std = toys_summary.moments(sample)
        limits = zip(toys_summary.FRACTIONS, (1, 2), strict=True)
        return {"n_ok": [len(sample)], "mean": [mean], "std": [std]} | {
            name: [sum(abs(x) < limit for x in sample) / len(sample)] for name, limit in limits
        }

    pooled = toys_summary.pool_pulls([part(group) for group in groups], 0, [])
    everything = part([x for group in groups for x in group])
    assert pooled["n_ok"] == everything["n_ok"]
    assert pooled["mean"][0] == pytest.approx(everything["mean"][0], abs=1e-9)
    assert pooled["std"][0] == pytest.approx(everything["std"][0], abs=1e-6)
    for name in toys_summary.FRACTIONS:
        assert pooled[name] == everything[name]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-23.73435461707157, "-23.73435461707157"),
        (1e-20, "0." + "0" * 19 + "1"),
        (1e22, "1" + "0" * 22),
        (0.99, "0.99"),
    ],
)
def test_numbers_print_as_rust_prints_them(number: float, text: str) -> None:
    assert toys_summary.plain(number) == text


def test_the_sources_are_not_changed(desk: Desk, sources_of: Any) -> None:
    documents = [shard(i) for i in range(3)]
    before = copy.deepcopy(documents)
    sources = sources_of(documents)
    desk.merge(sources, kind="toys")
    assert [json.loads(Path(source.path).read_bytes()) for source in sources] == before
