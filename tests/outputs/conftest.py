"""Files and facts of small runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from manifest.checks import MergeSettings
from outputs.facts import UNPLANNED, ShardFacts, Source
from outputs.merge import MergeReport, merge

MakeFacts = Callable[[int, list[int]], ShardFacts]


def _facts(index: int, sizes: list[int]) -> ShardFacts:
    start = sum(sizes[:index])
    return ShardFacts(
        index=index,
        name=f"s{index}",
        component=None,
        start=start,
        size=sizes[index],
        seed=42 + start,
        total=len(sizes),
        count=sum(sizes),
        base_seed=42,
        attempt=f"10{index}.1700000000.aaaaaaaaaaaa",
    )


@pytest.fixture(scope="session")
def make_facts() -> MakeFacts:
    return _facts


@dataclass
class Desk:
    """Writes shards' files, merges them, and looks at what came out."""

    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "result" / "merged.out"

    def sources(self, contents: list[bytes], *, planned: bool = True) -> list[Source]:
        shards = self.folder / "shards"
        shards.mkdir(parents=True, exist_ok=True)
        self.target.parent.mkdir(exist_ok=True)
        made = []
        for index, content in enumerate(contents):
            path = shards / f"s{index}"
            path.write_bytes(content)
            facts = _facts(index, [10] * len(contents))
            if not planned:
                facts = ShardFacts(index, path.name, None, UNPLANNED, 0, None, 0, 0, None, "")
            made.append(Source(facts, str(path), f"shards/s{index}"))
        return made

    def merge(
        self, sources: list[Source], missing: tuple[ShardFacts, ...] = (), **settings: Any
    ) -> MergeReport:
        arguments = {k: settings.pop(k) for k in ("allow_partial", "run_command") if k in settings}
        planned = sources[0].facts.planned if sources else True
        return merge(
            MergeSettings.model_validate(settings),
            sources,
            str(self.target),
            missing=missing,
            planned_total=len(sources) + len(missing) if planned else None,
            run={"run_id": "r1", "plan_id": "p1"},
            **arguments,
        )

    def result(self) -> bytes:
        return self.target.read_bytes()

    def sidecar(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(Path(f"{self.target}.merge.json").read_text())
        return document

    def left(self) -> list[str]:
        """Names in the result's directory."""
        return sorted(entry.name for entry in self.target.parent.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
