"""Files and facts of small runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest

from outputs.facts import UNPLANNED, ShardFacts, Source


class MakeSources(Protocol):
    def __call__(self, contents: list[bytes], *, planned: bool = True) -> list[Source]: ...


def facts_of(index: int, sizes: list[int], base_seed: int = 42) -> ShardFacts:
    start = sum(sizes[:index])
    return ShardFacts(
        index=index,
        name=f"s{index}",
        component=None,
        start=start,
        size=sizes[index],
        seed=base_seed + start,
        total=len(sizes),
        count=sum(sizes),
        base_seed=base_seed,
        attempt=f"10{index}.1700000000.aaaaaaaaaaaa",
    )


def unplanned(index: int) -> ShardFacts:
    return ShardFacts(index, f"file{index}", None, UNPLANNED, 0, None, 0, 0, None, "")


@pytest.fixture
def make_sources(tmp_path: Path) -> MakeSources:
    def make(contents: list[bytes], *, planned: bool = True) -> list[Source]:
        folder = tmp_path / "shards"
        folder.mkdir(exist_ok=True)
        sources = []
        for index, content in enumerate(contents):
            path = folder / f"s{index}"
            path.write_bytes(content)
            facts = facts_of(index, [10] * len(contents)) if planned else unplanned(index)
            sources.append(Source(facts, str(path), f"shards/s{index}"))
        return sources

    return make


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "result"
    folder.mkdir()
    return folder / "merged.out"


def left_behind(target: Path) -> list[str]:
    return sorted(entry.name for entry in target.parent.iterdir())


def sidecar(target: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(f"{target}.merge.json").read_text())
    return document
