"""The real nextstat: merged shards against one unsharded run."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.checks import MergeSettings
from manifest.errors import Refusal
from outputs.facts import UNPLANNED, ShardFacts, Source
from outputs.merge import merge
from outputs.toys_document import PER_TOY

if TYPE_CHECKING:
    from tests.outputs.conftest import MakeFacts

pytestmark = pytest.mark.payload

GUARDED = ["--require-all-converged", "--max-abs-poi-pull-mean", "0.001"]
GUARDED += ["--poi-pull-std-range", "0.5", "0.6"]
SIZES = [7, 6, 6, 6]
COUNT = sum(SIZES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signal over a background, small enough for a toy a millisecond."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path_factory.mktemp("model")
    rng = random.Random(1)
    mass = [rng.gauss(91, 2.5) for _ in range(100)]
    mass += [60 + rng.expovariate(0.03) % 60 for _ in range(300)]
    pq.write_table(pa.table({"mass": pa.array(mass, pa.float64())}), folder / "d.parquet")
    names = ["mu", "mu_sig", "sigma_sig", "lambda_bkg"]
    values = [(1.0, 0.0, 5.0), (91.0, 85.0, 95.0), (2.5, 0.5, 10.0), (-0.03, -0.1, -0.001)]
    spec = {
        "schema_version": "nextstat_unbinned_spec_v0",
        "model": {
            "poi": "mu",
            "parameters": [
                {"name": name, "init": init, "bounds": [low, high]}
                for name, (init, low, high) in zip(names, values, strict=True)
            ],
        },
        "channels": [
            {
                "name": "main",
                "data": {"file": "d.parquet"},
                "observables": [{"name": "mass", "bounds": [60.0, 120.0]}],
                "processes": [
                    {
                        "name": "signal",
                        "pdf": {"type": "gaussian", "observable": "mass", "params": names[1:3]},
                        "yield": {"type": "scaled", "base_yield": 100.0, "scale": "mu"},
                    },
                    {
                        "name": "background",
                        "pdf": {"type": "exponential", "observable": "mass", "params": names[3:]},
                        "yield": {"type": "fixed", "value": 300.0},
                    },
                ],
            }
        ],
    }
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def toys(model: Path, output: Path, *arguments: str) -> None:
    nextstat = shutil.which("nextstat") or str(Path(sys.executable).with_name("nextstat"))
    command = [nextstat, "unbinned-fit-toys", "--config", str(model), "--threads", "1"]
    done = subprocess.run(
        [*command, "--output", str(output), *arguments], capture_output=True, check=False
    )
    # 1 is what a guardrail that failed exits with; the output is there all the same
    assert done.returncode in (0, 1), done.stderr.decode()
    assert output.exists(), done.stderr.decode()


def close(ours: Any, theirs: Any) -> bool:
    """Equal, but for the last digits of floats."""
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(close(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(close, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-12)
    return bool(ours == theirs)


@pytest.mark.parametrize("way", ["shard", "seed"])
@pytest.mark.parametrize(
    "options",
    [[], GUARDED, ["--gen", "mle", "--set", "mu=1.2", *GUARDED]],
    ids=["", "guard", "mle"],
)
def test_merged_shards_equal_the_unsharded_run(
    tmp_path: Path, model: Path, make_facts: MakeFacts, way: str, options: list[str]
) -> None:
    planned = []
    for index, size in enumerate(SIZES):
        facts = make_facts(index, SIZES)
        mine = ["--n-toys", str(COUNT), "--seed", "42", "--shard", f"{index}/{len(SIZES)}"]
        if way == "seed":
            mine = ["--n-toys", str(size), "--seed", str(facts.seed)]
        path = tmp_path / f"s{index}.json"
        toys(model, path, *mine, *options)
        planned.append(Source(facts, str(path), path.name))
    toys(model, tmp_path / "all.json", "--n-toys", str(COUNT), "--seed", "42", *options)
    unsharded = json.loads((tmp_path / "all.json").read_text())
    files = [dataclasses.replace(source, facts=unplanned(source.facts)) for source in planned]
    for sources, total in ((planned, len(SIZES)), (files, None)):
        merged = merged_document(sources[::-1], total, tmp_path / "merged.json")
        assert merged.pop("merge")["notes"] == []
        for name in PER_TOY:
            assert merged["results"][name] == unsharded["results"][name]
        assert merged["results"] == unsharded["results"]
        assert merged["gen"] == unsharded["gen"]
        assert merged["guardrails"] == unsharded["guardrails"]
        assert close(merged, unsharded)
        if options:
            assert merged["guardrails"]["failures"]
            assert merged["summary"]["pull"] == unsharded["summary"]["pull"]


def unplanned(facts: ShardFacts) -> ShardFacts:
    return dataclasses.replace(facts, start=UNPLANNED, size=0, seed=None, base_seed=None)


def merged_document(sources: list[Source], total: int | None, target: Path) -> dict[str, Any]:
    merge(MergeSettings(kind="toys"), sources, str(target), missing=(), planned_total=total, run={})
    document: dict[str, Any] = json.loads(target.read_text())
    return document


def test_shards_of_another_seed_are_refused(
    tmp_path: Path, model: Path, make_facts: MakeFacts
) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for index, path in enumerate(paths):
        seed = str(42 + index)
        toys(model, path, "--n-toys", "4", "--seed", seed, "--shard", f"{index}/2")
    facts = [unplanned(make_facts(index, [2, 2])) for index in range(2)]
    sources = [Source(fact, str(path), path.name) for fact, path in zip(facts, paths, strict=True)]
    with pytest.raises(Refusal, match=r"b.json: gen.seed is 43, a.json has 42"):
        merged_document(sources, None, tmp_path / "m.json")
    assert not (tmp_path / "m.json").exists()
